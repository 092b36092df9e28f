"""One adapter per library; each module ends in `LIBRARY`."""

from importlib import import_module
from importlib.metadata import PackageNotFoundError, version

from bench.peers.library import Library

NAMES = (
    "hardpoint",
    "tenacity",
    "stamina",
    "backoff",
    "hyx",
    "pybreaker",
    "circuitbreaker",
    "aiobreaker",
    "purgatory",
    "interlock",
    "pyresilience",
)
DISTRIBUTIONS = {"interlock": "interlock-cb"}
"""Where the name to install is not the module's."""
ALSO = {"stamina": ("tenacity",), "interlock": ("tenacity",)}
"""What an adapter's library is used together with."""


def load(name: str) -> Library:
    return import_module(f"bench.peers.libraries.{name}_").LIBRARY


def missing(name: str) -> str | None:
    """The distribution that would have to be installed first, or None."""
    for each in (DISTRIBUTIONS.get(name, name), *ALSO.get(name, ())):
        try:
            version(each)
        except PackageNotFoundError:
            return each
    return None
