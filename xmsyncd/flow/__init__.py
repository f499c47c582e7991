"""Flow control for both vendors: the pace of calls and the delays between tries."""
