"""What people and alerts see of a running daemon: logs, metrics, and the events that become both."""
