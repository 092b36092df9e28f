"""The durable engine: one driver protocol, SQLite behind it."""
