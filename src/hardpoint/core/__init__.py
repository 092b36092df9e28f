"""What the rest of hardpoint means: errors, secrets, ids, events and effects; no I/O, no vendor."""
