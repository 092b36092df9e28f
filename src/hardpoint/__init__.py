"""hardpoint."""
