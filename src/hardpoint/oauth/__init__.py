"""Identity: signing in, connected accounts, and the tokens of both."""
