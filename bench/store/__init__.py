"""The durable engine against the bare statements it stands on."""
