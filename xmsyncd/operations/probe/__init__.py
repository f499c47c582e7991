"""What only a tenant can answer, asked of it: by reading, and with one marked instance on the real form."""
