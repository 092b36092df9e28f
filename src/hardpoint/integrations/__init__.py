"""Web frameworks and HTTP clients: each module imports its own, so a missing one says so itself."""
