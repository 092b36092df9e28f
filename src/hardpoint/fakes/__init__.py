"""Vendors imitated over real HTTP on loopback: stateful, strict, faulty on demand, signing."""
