"""Identity: providers' entries, the token endpoint, the vault that keeps and refreshes tokens."""
