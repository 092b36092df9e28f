"""Acme's refusals, by status and code."""

from pathlib import Path

from hardpoint.provider import ErrorTable

ERRORS = ErrorTable.read("acme", Path(__file__).with_name("codes.md"), request_id="acme-request-id")
