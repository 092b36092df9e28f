"""What a hub tells its listeners of its own life."""

from typing import ClassVar

import msgspec


class ConfigurationLoaded(msgspec.Struct, frozen=True, kw_only=True):
    """A configuration is in force."""

    generation: int
    sources: tuple[str, ...]


class SourceUnsigned(msgspec.Struct, frozen=True, kw_only=True):
    """A source is in force whose requests nobody signs: whoever reaches it may post.

    Attributes:
        taken_from: the networks that its requests may come from, or `anyone`.
    """

    severity: ClassVar[str] = "warning"
    source: str
    taken_from: str


class HubFailed(msgspec.Struct, frozen=True, kw_only=True):
    """A defect, or a store beyond repair: webhooks are not handled any more. End the process.

    Where the handlers cannot go on, the store passes to another process that serves it. Without one
    this process takes it up anew, after half a second at first, then at longer intervals; what was
    in flight is suspect, as it is after a crash.
    """

    severity: ClassVar[str] = "error"
    error: str
    exception: BaseException | None = None


class DoorFailed(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The application met an error of its own, and answered 503 for it.

    Attributes:
        doing: `start`, `stop`, `receive` or `dashboard`.
        source: whose request it was.
    """

    severity: ClassVar[str] = "error"
    doing: str
    error: str
    source: str | None = None
    exception: BaseException | None = None


class ConnectionLost(msgspec.Struct, frozen=True, kw_only=True):
    """A reload has taken away a connection that this process calls.

    `hub.payments(name)` and its like raise from now on; who holds what it gave may use it on, with
    the old settings.
    """

    severity: ClassVar[str] = "warning"
    connection: str
    port: str
    effect: str = "hub calls for it raise ConfigurationError; put it back, or restart without them"
