"""A connection: one configured account at a provider, and how the calls to it are run."""

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Self, TypeVar, final

from hardpoint.calls.suppressions import Suppressions
from hardpoint.core.arguments import expect
from hardpoint.core.effects import Clock, Ids
from hardpoint.core.errors import ConfigurationError, InvalidRequestError
from hardpoint.core.events import Listeners
from hardpoint.core.identifiers import Uuid7
from hardpoint.runtime.clocks import SystemClock
from hardpoint.runtime.effects import Caller, Runtime
from hardpoint.store.journal import Journal

_NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,62}", re.ASCII)
_LOCAL = re.compile(r"[A-Za-z0-9._~-]{1,255}", re.ASCII)
_Result = TypeVar("_Result")


@final
class Unguarded:
    """No policy: every call is one attempt."""

    __slots__ = ()

    def call(self, function: Callable[[], _Result], /) -> _Result:
        """Call it once."""
        return function()

    def with_(self, *, repeat: str, tells_calls: bool = True) -> Self:
        """The same for every class of operation."""
        return self


@final
@dataclass(frozen=True, slots=True)
class Connection:
    """What a portable type needs to know beside its driver.

    Args:
        name: as it is configured, `billing`; ids carry it.
        runtime: `AsyncRuntime()`, or `BlockingRuntime()` under the facades of `hardpoint.sync`.
        policy: what every call runs under.
        clock, ids: effects, for tests.
        listeners: told `AttemptEnded` and `CallEnded`.
        journal: where calls are written down that the provider could not tell from their repeat;
            of the same kind as the runtime. Without one such a call is never repeatable.
        group: the group whose account this is, where it is one; its keys are the group's.
        suppressions: who may not be written to, by whatever connection; of the same kind as the
            runtime. Without any, each portable type keeps its own in memory.

    Raises:
        ConfigurationError: the name is unusable.
    """

    name: str
    runtime: Runtime
    policy: Caller = field(default_factory=Unguarded)
    clock: Clock = field(default_factory=SystemClock)
    ids: Ids = field(default_factory=Uuid7)
    listeners: Listeners = field(default_factory=Listeners)
    journal: Journal | None = None
    group: str | None = None
    suppressions: Suppressions | None = None

    @property
    def scope(self) -> str:
        """What its keys belong to in the journal."""
        return self.name if self.group is None else f"{self.group}@{self.name}"

    def __post_init__(self) -> None:
        if not _NAME.fullmatch(self.name):
            raise ConfigurationError(
                f"connections.{self.name!r:.80}",
                "is not a usable name",
                fix="Small letters, digits, - and _; at most 63",
            )

    def qualified(self, local: str) -> str:
        """A provider's id as users hold it: `billing:pi_3N...`."""
        return f"{self.name}:{local}"

    def local(self, qualified: str, *, field: str) -> str:
        """The provider's own id in an id of ours.

        Raises:
            InvalidRequestError: malformed, or of another connection; nothing was sent.
        """
        expect(qualified, str, field, f"the id as it was given: {self.name}:...")
        name, colon, local = qualified.partition(":")
        if not colon or not _LOCAL.fullmatch(local):
            raise InvalidRequestError(f"{qualified!r:.80} is not connection:id", field=field)
        if name != self.name:
            raise InvalidRequestError(
                f"{qualified!r:.80} belongs to another connection than {self.name}", field=field
            )
        return local
