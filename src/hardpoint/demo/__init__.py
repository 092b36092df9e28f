"""The demo: a shop behind the gateway, and everything that goes wrong for a shop."""
