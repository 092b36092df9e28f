"""The orders that the story and the shop treat alike."""

FLAKY_ORDER = "1003"
"""Its handler fails twice before it succeeds."""

HELD_ORDER = "1004"
"""Its handler waits while the hold file exists."""
