"""The durable engine on PostgreSQL: any number of processes and machines on one database.

It is being built, and no URL leads to it: see `docs/adr/0018-postgresql-in-work.md`.
"""
