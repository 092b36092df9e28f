"""Bytes that others wrote: what a decoder may raise of them."""

from typing import Final

UNREADABLE: Final = (ValueError, RecursionError)
"""Not UTF-8, not JSON, not of the type asked for: each is a `ValueError`, of msgspec too. Lists in
lists in lists are a `RecursionError`."""
