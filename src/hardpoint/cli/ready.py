"""The lines for authorization servers that we have no entry for, as the package holds them."""

import tomllib
from collections.abc import Iterator, Mapping
from importlib.resources import files
from typing import Any, Final

from hardpoint.cli.failures import CommandError, Exit

LINES: Final = files("hardpoint.providers").joinpath("oauth_ready.toml")


def ready_providers() -> Mapping[str, Mapping[str, Any]]:
    """What is known of each, by its name."""
    return tomllib.loads(LINES.read_text("utf-8"))


def ready_lines(name: str) -> Iterator[str]:
    """The table to copy into a configuration.

    Raises:
        CommandError: there are none of that name.
    """
    known = ready_providers()
    if name not in known:
        raise CommandError(
            f"there are no ready lines for {name}",
            exit_code=Exit.USAGE,
            code="unknown_provider",
            hint=f"there are: {', '.join(known)}",
        )
    one, secret = known[name], f"env:{name.upper()}_CLIENT_SECRET"
    yield f"[oauth.{name}]"
    yield 'client_id = "YOURS"'
    yield f'client_secret = "{secret}"'
    yield from one["lines"].strip().splitlines()


def read_on(one: Mapping[str, Any]) -> str:
    """When the vendor's own page was read, if it was."""
    return f"read {one['day']}" if one["status"] == "read" else "unverified"
