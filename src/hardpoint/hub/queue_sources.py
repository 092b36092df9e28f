"""The sources that are queues, as a configuration has them."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from hardpoint.core.errors import ConfigurationError
from hardpoint.core.providers import provider
from hardpoint.hub.tables import TomlTable
from hardpoint.webhooks.event_facts import DEFAULT_TYPE, FactFrom

if TYPE_CHECKING:
    from hardpoint.hub.settings import Settings

BACKLOG: Final = 1000
"""How many events of a source may wait for their handlers before no more are asked for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class QueueSource:
    """A source that is a queue: `[sources.orders] connection = "jobs"`.

    Attributes:
        connection: whose queue.
        type_from: where an event's type stands: a pointer into the body, or `header:NAME` for a
            message's attribute.
        backlog: how many of its events may wait before no more messages are asked for.
    """

    name: str
    connection: str
    type_from: str = DEFAULT_TYPE
    backlog: int = BACKLOG


def queue_source(name: str, tables: TomlTable) -> QueueSource:
    """A source from its table below `[sources]`.

    Raises:
        ConfigurationError: a key or value that we do not know.
    """
    table = tables.table(name, {"connection", "type_from", "backlog"})
    made = QueueSource(
        name=name,
        connection=table.get("connection", str),
        type_from=table.get("type_from", str) if table.has("type_from") else DEFAULT_TYPE,
        backlog=table.count("backlog", BACKLOG),
    )
    try:
        FactFrom("type_from", made.type_from)
    except ConfigurationError as error:
        raise ConfigurationError(table.key(error.key), error.problem, fix=error.fix) from None
    return made


def check_sources(settings: "Settings") -> None:
    """See that each has a queue, and a name of its own.

    Raises:
        ConfigurationError: one has not.
    """
    for name, one in settings.sources.items():
        key = f"sources.{name}"
        if name in settings.webhooks:
            raise ConfigurationError(key, "is a source of webhooks too", fix="Rename one of them")
        connection = settings.connections.get(one.connection)
        if connection is None:
            known = ", ".join(sorted(settings.connections)) or "none"
            raise ConfigurationError(
                f"{key}.connection", "is not configured", fix=f"Configured connections: {known}"
            )
        if "queue" not in provider(connection.provider).ports:
            raise ConfigurationError(
                f"{key}.connection",
                f"is of {connection.provider}, which has no queue",
                fix="Name the connection of a queue",
            )
