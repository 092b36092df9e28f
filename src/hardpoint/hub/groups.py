"""Groups of connections that stand in for one another: `[groups.mail] connections = [...]`."""

import re
from typing import Any

from hardpoint.core.errors import ConfigurationError
from hardpoint.core.providers import provider
from hardpoint.hub.tables import TomlTable

GROUPED = frozenset({"email", "sms"})
"""The ports whose accounts can stand in for one another."""
_NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,62}", re.ASCII)
_LEAST = 2


def groups_of(table: TomlTable) -> dict[str, tuple[str, ...]]:
    """The groups of a configuration, by name.

    Raises:
        ConfigurationError: one has a name, or names, that will not do.
    """
    found: dict[str, tuple[str, ...]] = {}
    connections = table.table("connections", None)
    groups = table.table("groups", None)
    for name in table.names("groups"):
        own = groups.table(name, {"connections"})
        named = own.get("connections", list[Any])
        if not _NAME.fullmatch(name) or name in table.names("connections"):
            raise ConfigurationError(
                own.path,
                "is not a usable name, or is a connection's",
                fix="Small letters, digits, - and _; at most 63",
            )
        if len(set(map(str, named))) < max(len(named), _LEAST):
            own.refuse("connections", "does not name two or more, each once", 'Write ["a", "b"]')
        ports: set[str] = set(GROUPED)
        for one in named:
            if one not in table.names("connections"):
                own.refuse("connections", f"{one!r:.80} is not configured", "Add it")
            ports &= set(provider(connections.table(one, None).get("provider", str)).ports)
        if not ports:
            own.refuse(
                "connections", "have no port in common", f"Of {' or '.join(sorted(GROUPED))}"
            )
        found[name] = tuple(named)
    return found
