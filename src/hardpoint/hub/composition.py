"""What the hub and the blocking hub have in common: the store, the journal, the connections."""

import sqlite3
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

from hardpoint.calls.guarded_connection import GuardedConnection
from hardpoint.calls.suppressions import MemorySuppressions, Suppressions
from hardpoint.core.effects import Clock, Ids
from hardpoint.core.events import Listener, Listeners
from hardpoint.core.identifiers import Uuid7
from hardpoint.http.auth import Authorization
from hardpoint.hub.journal import OpeningJournal
from hardpoint.hub.ports import Ports, Shell
from hardpoint.hub.settings import Settings
from hardpoint.resilience.policy import Policy
from hardpoint.runtime.clocks import SystemClock
from hardpoint.store.engine import Role, StoreEngine
from hardpoint.store.guests.turns import StoreTurn
from hardpoint.store.journal import Journal
from hardpoint.store.opening import engine
from hardpoint.webhooks.replies import ReplyFunction, ReplyFunctions

_ReplyFunction = TypeVar("_ReplyFunction", bound=ReplyFunction)


class BaseHub(ABC):
    """Puts the parts together, for one of the two ways of waiting.

    Args:
        shell: the way of waiting.
        settings: the configuration.
        clock, ids: effects, for tests.
        listeners: told every telemetry event.
        policies: what a connection's calls run under, by its name, in place of what the settings
            say.
        suppressions: who is not written to, by any connection; in memory, unless yours are given.
        store: another hub's, which is open; it stays its own.
    """

    def __init__(
        self,
        shell: Shell,
        settings: Settings,
        *,
        clock: Clock | None,
        ids: Ids | None,
        listeners: Sequence[Listener],
        policies: Mapping[str, Policy] | None,
        suppressions: Suppressions | None,
        store: StoreEngine | None = None,
    ) -> None:
        self.settings = settings
        self.listeners = Listeners(*listeners)
        self._clock = clock or SystemClock()
        self._ids = ids or Uuid7()
        self._borrowed = store is not None
        self.store = store or engine(
            settings.store.url,
            clock=self._clock,
            listeners=self.listeners,
            retention=settings.store.retention,
            write_role=settings.store.write_role,
        )
        self.replies = ReplyFunctions()
        journal = self.store.journal(blocking=shell.blocking)
        # Whoever has lent a store opens it.
        self.journal: Journal = journal if self._borrowed else OpeningJournal(journal, self._open)
        self._ports = Ports(
            shell,
            clock=self._clock,
            ids=self._ids,
            listeners=self.listeners,
            journal=self.journal,
            policies=policies or {},
            suppressions=suppressions or MemorySuppressions(),
            vault=self._authorization,
        )

    def reply(self, source: str, event_type: str) -> Callable[[_ReplyFunction], _ReplyFunction]:
        """Have a function say what a vendor hears in the very answer to its request.

            @hub.reply("slack", "command.deploy")
            async def deploy(event: Event) -> str:
                return "It is on its way."

        It runs in the process that took the request, after the event was stored, at most once, and
        has two seconds; it is no job. Where it is late, fails, or gives None, the vendor hears its
        default. Handlers of the same event run besides, whatever it does.

        Args:
            source: a source in the configuration.
            event_type: an exact type, or a glob such as `command.*`; an exact one comes first.

        Raises:
            ConfigurationError: no such source, or another function replies to this type already.
        """
        self.settings.check_source(source)

        def register(function: _ReplyFunction) -> _ReplyFunction:
            self.replies.add(source, event_type, function)
            return function

        return register

    @abstractmethod
    def _authorization(self, name: str) -> Authorization:
        """What stands for a key in the vault, by its name there."""

    async def _open(self) -> None:
        await self.store.shared.ensure_open(Role.OPERATE)

    def policy(self, connection: str) -> Policy:
        """What a connection's calls run under: its statistics, and its breaker to steer."""
        return self._ports.policy(connection)

    def guard(self, connection: str) -> GuardedConnection:
        """A connection's policy for the calls that another library makes: an SDK as it is.

            OpenAI(http_client=httpx2.Client(transport=guarded(hub.guard("openai"))), max_retries=0)

        See `hardpoint.integrations.httpx` and its neighbours. A connection of a provider that has
        an adapter shares its circuit and its limits with that.

        Raises:
            ConfigurationError: there is no such connection.
        """
        return self._ports.guard(connection)

    def connect(self, *, timeout: float = 5.0, **options: Any) -> sqlite3.Connection:
        """A connection to the store's file, for the application's own tables.

        It may write, best inside `hub.turn()`, and never copies SQLite's log, which is for
        hardpoint alone to do.

        Args:
            timeout: seconds to wait for a lock.
            options: of `sqlite3.connect`.

        Raises:
            StoreUnavailableError: the file cannot be made.
            UnsupportedError: the store is PostgreSQL: connect with the application's own driver.
        """
        return self.store.connect(timeout=timeout, **options)

    def turn(self) -> StoreTurn:
        """A turn at writing: `with hub.turn():`, or `async with`, around one short transaction.

        All processes of the store stand in one line, hardpoint with them. So none of them waits
        for SQLite's lock, which is not fair, or hears "database is locked". Where the store is
        PostgreSQL there is nothing to wait for.
        """
        return self.store.shared.turn()

    def prepare_engine(self, engine: Any) -> None:
        """Have a SQLAlchemy engine's connections keep to the same; before it makes the first.

        Args:
            engine: an `Engine` or `AsyncEngine` for the store's file, or for its database, where
                nothing needs to be done.

        Raises:
            StoreError: it is for another kind of database than the store.
        """
        self.store.prepare_engine(engine)
