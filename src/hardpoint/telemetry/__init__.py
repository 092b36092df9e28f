"""Listeners to what the other layers tell: logs now, traces and metrics alike."""
