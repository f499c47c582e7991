"""What people read about states, reasons and stops, in both languages."""
