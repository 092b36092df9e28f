"""The hub that the five share."""

from pathlib import Path

from hardpoint import Hub

hub = Hub.load(Path(__file__).parent / "hardpoint.toml")
