"""Azure: manifest; credentials beside it."""

from hardpoint.core.providers import Provider

PROVIDER = Provider(
    name="azure",
    title="Azure",
    tokens=("azure", "azurite", "windows.net", "x-ms-"),
    verified="2026-12-01",
)
