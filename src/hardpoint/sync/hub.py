"""The hub for plain scripts and threads: the connections of a configuration, without `await`.

with Hub.load("hardpoint.toml") as hub:
    hub.payments("billing").create_payment(Money("10", "EUR"), payment_method="pm_card_visa")

It receives no webhooks: those need an event loop, and `hardpoint serve` has one. Its store is
opened when a call has to be written down: `once`, or a key for a provider that knows none. One
process at a time can do so; where a server runs on the store, such calls are made there. For its
plain `def` handlers there is `Hub(hub.settings, store=hub.store)`.
"""

import sqlite3
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self, final

from hardpoint.calls.once import BlockingOnce
from hardpoint.core.effects import Clock, Ids
from hardpoint.core.events import Listener, Listeners
from hardpoint.core.forks import MadeOnce
from hardpoint.core.identifiers import Uuid7
from hardpoint.http.blocking import BlockingTransport
from hardpoint.http.limits import Limits
from hardpoint.hub.journal import OpeningJournal
from hardpoint.hub.ports import Ports
from hardpoint.hub.settings import Settings
from hardpoint.resilience.policy import Policy
from hardpoint.runtime.blocking import BlockingRuntime
from hardpoint.runtime.clocks import SystemClock
from hardpoint.store.engine import Role, StoreEngine, engine

if TYPE_CHECKING:
    from hardpoint.sync.email import EmailSender
    from hardpoint.sync.payments import PaymentGateway
    from hardpoint.sync.sms import SmsSender
    from hardpoint.sync.storage import ObjectStore
    from hardpoint.sync.vault import Vault


@final
class Hub:
    """One deployment's connections, blocking. Threads may share it.

    Every call refuses to run inside a running event loop, which it would stop; there use
    `hardpoint.Hub`.

    Args:
        settings: the connections, among others.
        clock, ids: effects, for tests.
        listeners: told every telemetry event.
        policies: what a connection's calls run under, by its name, in place of what the settings
            say.
        store: the open one of a `hardpoint.Hub` in this process, for its plain `def` handlers; it
            stays its own.

    Attributes:
        once: `hub.once(key, call, ...)` makes a call once for its key; see `hardpoint.hub.once`.

    Raises:
        ConfigurationError: a value that a provider's settings refuse, naming its key.
    """

    def __init__(
        self,
        settings: Settings,
        *,
        clock: Clock | None = None,
        ids: Ids | None = None,
        listeners: Sequence[Listener] = (),
        policies: Mapping[str, Policy] | None = None,
        store: StoreEngine | None = None,
    ) -> None:
        self.settings = settings
        self.listeners = Listeners(*listeners)
        clock = clock or SystemClock()
        self._borrowed = store is not None
        self.store = store or engine(
            settings.store.url,
            clock=clock,
            listeners=self.listeners,
            retention=settings.store.retention,
        )
        self.journal = OpeningJournal(self.store.journal(blocking=True), self._open)
        self.once = BlockingOnce(self.journal, clock)
        self._ports = Ports(
            _Blocking(),
            clock=clock,
            ids=ids or Uuid7(),
            listeners=self.listeners,
            journal=self.journal,
            policies=policies or {},
            vault=lambda name: self.vault.asynchronous.authorization(name, hosts=None),
        )
        self._vault = MadeOnce(self._open_vault)
        self._ports.configure(settings)

    @classmethod
    def load(cls, path: str | Path = "hardpoint.toml", **effects: Any) -> Self:
        """A hub as a configuration file has it.

        Raises:
            ConfigurationError: naming the key that is wrong, and the fix.
        """
        return cls(Settings.load(path), **effects)

    def payments(self, connection: str) -> "PaymentGateway":
        """Takes payments through a connection.

        Args:
            connection: its name, or the id of a payment or refund, which carries it.

        Raises:
            ConfigurationError: it is not configured, or its provider takes no payments.
        """
        from hardpoint.sync.payments import PaymentGateway

        return PaymentGateway(self._ports.get("payments", connection))

    def sms(self, connection: str) -> "SmsSender":
        """Sends text messages through a connection; see `payments` for its name."""
        from hardpoint.sync.sms import SmsSender

        return SmsSender(self._ports.get("sms", connection))

    def email(self, connection: str) -> "EmailSender":
        """Sends email through a connection; see `payments` for its name."""
        from hardpoint.sync.email import EmailSender

        return EmailSender(self._ports.get("email", connection))

    def storage(self, connection: str) -> "ObjectStore":
        """Keeps files through a connection; see `payments` for its name."""
        from hardpoint.sync.storage import ObjectStore

        return ObjectStore(self._ports.get("storage", connection))

    @property
    def vault(self) -> "Vault":
        """The connected accounts: `hub.vault.access_token("github", tenant=user)`.

        Those of providers that we describe are refreshed, in the calling thread; those of an
        `issuer` that describes itself only in `hardpoint.Hub`.

        Raises:
            ConfigurationError: there is no vault, or something of it cannot work.
        """
        return self._vault.get()

    def policy(self, connection: str) -> Policy:
        """What a connection's calls run under: its statistics, and its breaker to steer."""
        return self._ports.policy(connection)

    def connect(self, *, timeout: float = 5.0, **options: Any) -> sqlite3.Connection:
        """A connection to the store's file, for the application's own tables.

        It may write, and never copies SQLite's log, which is for hardpoint alone to do.

        Args:
            timeout: seconds to wait for a lock.
            options: of `sqlite3.connect`.

        Raises:
            StoreUnavailableError: the file cannot be made.
        """
        return self.store.connect(timeout=timeout, **options)

    def prepare_engine(self, engine: Any) -> None:
        """Have a SQLAlchemy engine's connections keep to the same; before it makes the first.

        Args:
            engine: an `Engine` or `AsyncEngine` for the store's file.

        Raises:
            StoreError: its database is not SQLite.
        """
        self.store.prepare_engine(engine)

    def close(self) -> None:
        """Close every connection and the store, unless it is another's; it can be used anew."""
        for transport in self._ports.take_transports():
            transport.close()
        vault = self._vault.take()
        if vault is not None:
            vault.close()
        if not self._borrowed:
            self.store.close_blocking()

    def renew(self) -> None:
        """Close it and make it as good as new; see `hardpoint.Hub.renew`."""
        self._ports.close_circuits()
        self.once.forget()
        self.close()

    def _open_vault(self) -> "Vault":
        from hardpoint.runtime.work import BlockingWork
        from hardpoint.sync.vault import Vault

        vault = Vault(
            self.settings.identity.keeper(
                work=BlockingWork(),
                public_url=self.settings.public_url,
                listeners=self.listeners,
            )
        )
        vault.open()
        return vault

    async def _open(self) -> None:
        if not self._borrowed:
            await self.store.ensure_open(Role.OPERATE)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


@final
class _Blocking:
    """The blocking way of waiting."""

    runtime = BlockingRuntime()

    def transport(self, limits: Limits) -> BlockingTransport:
        return BlockingTransport(limits)

    def effect(self, shells: tuple[str, str]) -> str:
        return shells[1]
