"""What people ask for, whether by command line, over the socket or from the console."""
