"""A logical call of a port: its class, its key, what is written down of it, and who makes it."""
