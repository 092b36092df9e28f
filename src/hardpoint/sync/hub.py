"""The hub for plain scripts and threads: the connections of a configuration, without `await`.

with Hub.load("hardpoint.toml") as hub:
    hub.payments("billing").create_payment(Money("10", "EUR"), payment_method="pm_card_visa")

Webhooks come in by `hub.wsgi()`, which hands them over to `hardpoint work`. Its store is
opened when a call has to be written down: `once`, or a key for a provider that knows none; where
a server, or another script, has it open, that one writes it down. For the plain `def` handlers of a
server there is `Hub(hub.settings, store=hub.store)`.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self, final

from hardpoint.calls.once import BlockingOnce
from hardpoint.calls.suppressions import Suppressions
from hardpoint.core.effects import Clock, Ids
from hardpoint.core.events import Listener
from hardpoint.core.forks import MadeOnce
from hardpoint.http.auth import Authorization
from hardpoint.http.blocking import BlockingTransport
from hardpoint.http.limits import Limits
from hardpoint.http.wire.trust import Trust
from hardpoint.hub.composition import BaseHub
from hardpoint.hub.settings import Settings
from hardpoint.resilience.policy import Policy
from hardpoint.runtime.blocking import BlockingRuntime
from hardpoint.store.engine import StoreEngine
from hardpoint.sync.ports import CallsOut

if TYPE_CHECKING:
    from hardpoint.hub.wsgi import WsgiInbox
    from hardpoint.sync.api_keys import ApiKeys
    from hardpoint.sync.vault import Vault


@final
class Hub(BaseHub, CallsOut):
    """One deployment's connections, blocking. Threads may share it.

    Every call refuses to run inside a running event loop, which it would stop; there use
    `hardpoint.Hub`.

    Args:
        settings: the connections, among others.
        clock, ids: effects, for tests.
        listeners: told every telemetry event.
        policies: what a connection's calls run under, by its name, in place of what the settings
            say.
        suppressions: who is not written to, by any connection; in memory, unless yours are given.
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
        suppressions: Suppressions | None = None,
        store: StoreEngine | None = None,
    ) -> None:
        super().__init__(
            _BlockingShell(),
            settings,
            clock=clock,
            ids=ids,
            listeners=listeners,
            policies=policies,
            suppressions=suppressions,
            store=store,
        )
        self.once = BlockingOnce(self.journal, self._clock)
        self._vault = MadeOnce(self._open_vault)
        self._api_keys = MadeOnce(self._make_api_keys)
        self._ports.configure(settings)

    @classmethod
    def load(cls, path: str | Path = "hardpoint.toml", **effects: Any) -> Self:
        """A hub as a configuration file has it.

        Raises:
            ConfigurationError: naming the key that is wrong, and the fix.
        """
        return cls(Settings.load(path), **effects)

    @property
    def vault(self) -> "Vault":
        """The connected accounts: `hub.vault.access_token("github", tenant=user)`.

        Those of providers that we describe are refreshed, in the calling thread; those of an
        `issuer` that describes itself only in `hardpoint.Hub`.

        Raises:
            ConfigurationError: there is no vault, or something of it cannot work.
        """
        return self._vault.get()

    @property
    def api_keys(self) -> "ApiKeys":
        """Who may call our own endpoints: `[api_keys]`.

        Raises:
            ConfigurationError: the database that has them cannot be reached as it is written.
        """
        return self._api_keys.get()

    def wsgi(self) -> "WsgiInbox":
        """The WSGI application that receives webhooks: `POST /webhooks/<source>`; mount it.

        It hands them over to `hardpoint work`, whose hub has the handlers; what `reply` has
        registered runs here.
        """
        from hardpoint.hub.hub import Hub as ReceivingHub

        receiving = ReceivingHub(
            self.settings, clock=self._clock, ids=self._ids, listeners=[self.listeners.emit]
        )
        receiving.receiver.replies = self.replies
        return receiving.wsgi()

    def _authorization(self, name: str) -> Authorization:
        client = name if name in self.settings.identity.oauth else None
        return self.vault.asynchronous.authorization(name, client=client, hosts=None)

    async def _open(self) -> None:
        self.store.shared.ensure_open_blocking()

    def close(self) -> None:
        """Close every connection and the store, unless it is another's; it can be used anew."""
        for transport in self._ports.take_transports():
            transport.close()
        vault = self._vault.take()
        if vault is not None:
            vault.close()
        keys = self._api_keys.take()
        if keys is not None:
            keys.close()
        if not self._borrowed:
            self.store.shared.stop_blocking()
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

    def _make_api_keys(self) -> "ApiKeys":
        from hardpoint.runtime.work import BlockingWork
        from hardpoint.sync.api_keys import ApiKeys

        return ApiKeys(
            self.settings.api_keys.keys(
                work=BlockingWork(), ids=self._ids, listeners=self.listeners
            )
        )

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
class _BlockingShell:
    """The blocking way of waiting."""

    blocking = True
    runtime = BlockingRuntime()

    def transport(self, limits: Limits, trust: Trust | None) -> BlockingTransport:
        return BlockingTransport(limits, tls=trust)
