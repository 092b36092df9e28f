"""Policies: when to call, when to call again, and when not to call at all."""
