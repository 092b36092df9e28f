"""The durable engine: one driver protocol, SQLite or PostgreSQL behind it."""
