"""Web frameworks: each module imports its own, plainly, so that a missing one says so itself."""
