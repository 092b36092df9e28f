"""The hub: settings and handlers in, a running inbox out. Everything meets here, nothing else does.

hub = Hub.load("hardpoint.toml")

@hub.on("billing", "payment_intent.succeeded")
async def mark_paid(event, job): ...

app = hub.asgi()
"""

import asyncio
import random as randomness
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self, TypeVar, final

from hardpoint.calls.once import Once
from hardpoint.calls.suppressions import Suppressions
from hardpoint.core.effects import Clock, Ids, Random
from hardpoint.core.errors import StoreUnavailableError
from hardpoint.core.events import Listener
from hardpoint.core.forks import MadeOnce
from hardpoint.http.asynchronous import AsyncTransport
from hardpoint.http.auth import Authorization
from hardpoint.http.limits import Limits
from hardpoint.http.untrusted import UNTRUSTED, Untrusted, resolve_async
from hardpoint.http.wire.trust import Trust
from hardpoint.hub.composition import BaseHub
from hardpoint.hub.events import ConfigurationLoaded, SourceUnsigned
from hardpoint.hub.life import Life
from hardpoint.hub.operated import Operated, observed
from hardpoint.hub.ports import CallsOut
from hardpoint.hub.settings import Settings
from hardpoint.hub.sources import Prepared, load_prepared, prepare, refuse_loss
from hardpoint.hub.stored_events import StoredEvents
from hardpoint.resilience.policy import Policy
from hardpoint.runtime.asynchronous import AsyncRuntime, LoopLock
from hardpoint.store.driver import FORWARD
from hardpoint.store.engine import Role, SharedAccess
from hardpoint.store.guests import Rank
from hardpoint.webhooks.forwarding import FORWARD_TIMEOUT, Forwarder, Target, forward_limits
from hardpoint.webhooks.handlers import DEFAULT_TIMEOUT, Function, Handlers, Schedule
from hardpoint.webhooks.inbox import Inbox
from hardpoint.webhooks.worker import Worker

if TYPE_CHECKING:
    from hardpoint.api_keys.api import ApiKeys
    from hardpoint.clients.websocket.client import WebSocketClient
    from hardpoint.hub.accounts import Accounts
    from hardpoint.hub.asgi import AsgiApp, InboxApp
    from hardpoint.hub.wsgi import WsgiInbox
    from hardpoint.oauth.vault import Vault

_Function = TypeVar("_Function", bound=Function)


@final
class Hub(BaseHub, CallsOut, StoredEvents, Operated):
    """One deployment's integrations. Nothing is opened before `start` (or `async with`).

    It may be started again after it was stopped, in another event loop too.

    Args:
        settings: where the store is, and the sources of webhooks.
        clock, ids, random: effects, for tests.
        listeners: told every telemetry event.
        policies: what a connection's calls run under, by its name, in place of what the settings
            say.
        suppressions: who is not written to, by any connection; in memory, unless yours are given.

    Attributes:
        failure: why it does not work, told as `HubFailed` too; None while it does.
        life: knows in which event loop it runs.
        generation: counts the configurations that were in force.
        unsigned: whom sources that nobody signs take requests from, by their names.
        once: `await hub.once(key, call, ...)` makes a call once for its key; see `Once`.
        journal: where calls are written down that their provider could not tell from a repeat; it
            opens the store when it is first needed.
    """

    def __init__(
        self,
        settings: Settings,
        *,
        clock: Clock | None = None,
        ids: Ids | None = None,
        random: Random | None = None,
        listeners: Sequence[Listener] = (),
        policies: Mapping[str, Policy] | None = None,
        suppressions: Suppressions | None = None,
    ) -> None:
        super().__init__(
            _AsyncShell(),
            settings,
            clock=clock,
            ids=ids,
            listeners=listeners,
            policies=policies,
            suppressions=suppressions,
        )
        self.failure: BaseException | None = None
        self.generation = 0
        self.unsigned: dict[str, str] = {}
        self.handlers = Handlers()
        self.once = Once(self.journal, self._clock)
        self.shared: SharedAccess = self.store.shared
        self._transport = AsyncTransport(forward_limits(settings.worker.concurrency))
        self._key_transport = AsyncTransport(UNTRUSTED)
        self._targets: dict[str, Target] = {}
        self.worker = Worker(
            self.store,
            self.handlers,
            complete_in=self.store.complete_in,
            clock=self._clock,
            random=random or randomness.random,
            listeners=self.listeners,
            concurrency=settings.worker.concurrency,
            threads=settings.worker.threads,
        )
        self.receiver = Inbox(
            self.shared,
            self.handlers,
            self.worker,
            clock=self._clock,
            ids=self._ids,
            listeners=self.listeners,
            fetch=Untrusted(self._key_transport, resolve_async),
            engine=settings.store.engine,
            replies=self.replies,
        )
        effects = (self._clock, random or randomness.random, self.listeners)
        self._forwarder = Forwarder(self._transport, self._targets.get, *effects)
        self.handlers.add("", "", self._forwarder, name=FORWARD, timeout=FORWARD_TIMEOUT, ours=True)
        self._accounts = MadeOnce(self._make_accounts)
        self._api_keys = MadeOnce(self._make_api_keys)
        self._observation = MadeOnce(lambda: observed(self))
        self.life = Life(self)
        self._reloading = LoopLock()
        self._put_in_force(settings, prepare(settings))

    @classmethod
    def load(cls, path: str | Path = "hardpoint.toml", **effects: Any) -> Self:
        """A hub as a configuration file has it.

        Raises:
            ConfigurationError: naming the key that is wrong, and the fix.
        """
        return cls(Settings.load(path), **effects)

    # Handlers

    def websocket(self, connection: str) -> "WebSocketClient":
        """Follows any WebSocket through a connection with `provider = "websocket"`."""
        return self._ports.get("websocket", connection)

    def on(
        self,
        source: str,
        event_type: str = "*",
        *,
        name: str | None = None,
        retry: Schedule | Sequence[float] | None = None,
        timeout: float = DEFAULT_TIMEOUT,
    ) -> Callable[[_Function], _Function]:
        """Have a function handle a source's events.

        Args:
            source: a source in the configuration.
            event_type: an exact type, or a glob such as `payment_intent.*`.
            name: what stored jobs call it; the function's own name otherwise.
            retry: a schedule, or seconds to wait before each retry; about 45 hours otherwise.
            timeout: seconds an attempt may take.

        Raises:
            ConfigurationError: no such source, the name is taken, or an option is senseless.
        """
        self.settings.check_source(source)

        def register(function: _Function) -> _Function:
            self.handlers.add(source, event_type, function, name=name, retry=retry, timeout=timeout)
            return function

        return register

    # Calls out

    def file_server(
        self, connection: str, *, body_bytes_max: int | None = None
    ) -> "AsgiApp | None":
        """Serves the URLs that a storage connection signs: mount it at their address.

        None where the vendor serves them itself, as it does for a bucket.

        Args:
            connection: its name.
            body_bytes_max: the largest object taken; 100 MiB if nothing is said.

        Raises:
            ConfigurationError: it is not configured, or has no secret to sign URLs with.
        """
        return self._ports.file_server(connection, body_bytes_max)

    def open_circuits(self) -> list[str]:
        """Connections, and as `forward/NAME` sources, of which too many calls have failed."""
        return [*self._ports.open_circuits(), *self._forwarder.open_circuits()]

    # Identity

    @property
    def accounts(self) -> "Accounts":
        """Signing in, sessions and connected accounts: `[vault]` and every `[oauth.<name>]`.

        Raises:
            ConfigurationError: there is no vault, or something of it cannot work.
        """
        return self._accounts.get()

    @property
    def vault(self) -> "Vault":
        """The connected accounts alone: `await hub.vault.access_token("github", tenant=user)`."""
        return self.accounts.vault

    @property
    def api_keys(self) -> "ApiKeys":
        """Who may call our own endpoints: `[api_keys]`.

        Raises:
            ConfigurationError: the database that has them cannot be reached as it is written.
        """
        return self._api_keys.get()

    def _make_api_keys(self) -> "ApiKeys":
        return self.settings.api_keys.keys(ids=self._ids, listeners=self.listeners)

    def _make_accounts(self) -> "Accounts":
        settings = self.settings
        return settings.identity.accounts(settings.public_url, listeners=self.listeners)

    def _authorization(self, name: str) -> Authorization:
        client = name if name in self.settings.identity.oauth else None
        return self.vault.authorization(name, client=client, hosts=None)

    # Life

    async def open(self, role: Role = Role.OPERATE) -> None:
        """Open the store alone, to retry or replay or call out without serving."""
        await self.shared.ensure_open(role)

    async def start(self, *, wait: bool = True, work: bool = True) -> None:
        """Accept webhooks and handle them; a hub that was started already is left alone.

        One whose event loop was closed is started anew, here. Without `[webhooks]` the store stays
        closed until a call has to be written down.

        Args:
            wait: where the store cannot be had now, since another process has it, say, that is
                told, webhooks are answered 503 (see `waiting`), and it is tried again until it can;
                everything else works.
            work: False: only accept. Handlers run in other processes, such as `hardpoint work`
                beside this one; in SQLite nothing is stored without one of those.

        Raises:
            StoreUnavailableError: it cannot be had, and is not waited for.
            StoreCorruptError: it is not a store of ours, or of a newer version.
        """
        await self.life.start(wait=wait, rank=Rank.WORKER if work else Rank.FRONT)

    @property
    def waiting(self) -> StoreUnavailableError | None:
        """Why a hub that was started takes no webhooks yet; None if it does."""
        problem = self.shared.problem
        return self.life.waiting or (StoreUnavailableError(problem) if problem else None)

    async def stop(self, grace: float = 10.0) -> None:
        """Let running handlers finish for `grace` seconds, release the rest, close the store.

        Any event loop may stop it: one that was started elsewhere is stopped there.
        """
        await self.life.stop(grace)

    async def close(self) -> None:
        """Close what is open, of a hub that was never started."""
        self.receiver.close()
        if (observation := self._observation.known()) is not None:
            observation.close()
        try:
            for transport in (self._transport, self._key_transport, *self._ports.take_transports()):
                await transport.close()
            if (accounts := self._accounts.known()) is not None:
                await accounts.close()
            if (keys := self._api_keys.known()) is not None:
                await keys.close()
        finally:
            # After a failure what was in flight is suspect, as it is after a crash.
            await self.shared.stop(clean=self.failure is None)
            await self.store.close(clean=self.failure is None)

    def renew(self) -> None:
        """Between two tests, stopped: forget failed calls, results of `once`, access tokens."""
        self._ports.close_circuits()
        self.once.forget()
        self._accounts.take()

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.stop()

    # Configuration

    async def reload(self) -> None:
        """Read the configuration file again; what is wrong with it leaves the old one in force.

        Raises:
            ConfigurationError: naming the key that is wrong; nothing has changed.
        """
        if (path := self.settings.path) is None:
            return
        async with self._reloading:
            settings, prepared = await asyncio.to_thread(load_prepared, path)
            self.settings.check_change(settings)
            refuse_loss(self.handlers, self.replies, settings)
            self._put_in_force(settings, prepared)
            await self.life.receive()
            self.worker.resume()

    def _put_in_force(self, settings: Settings, prepared: Prepared) -> None:
        """All of it at once."""
        sources, targets = prepared
        self._ports.configure(settings)
        self.settings = settings
        self.generation += 1
        self.receiver.configure(sources)
        self._targets.clear()
        self._targets.update(targets)
        self.handlers.route(dict.fromkeys(targets, FORWARD))
        before = self.unsigned
        self.unsigned = {name: one.unsigned for name, one in sources.items() if one.unsigned}
        for name, whom in self.unsigned.items():
            if before.get(name) != whom:
                self.listeners.emit(SourceUnsigned(source=name, taken_from=whom))
        if self.listeners.active:
            self.listeners.emit(
                ConfigurationLoaded(generation=self.generation, sources=tuple(sources))
            )

    # Doors

    def asgi(self, *, work: bool = True) -> "InboxApp":
        """The ASGI application: `POST /webhooks/<source>`; mount it, or serve it as it is.

        Args:
            work: False: where it starts the hub, that only accepts; see `start`.
        """
        from hardpoint.hub.asgi import InboxApp

        return InboxApp(
            self.receiver,
            start=partial(self.start, work=work),
            stop=self.stop,
            home=lambda: self.life.home,
            listeners=self.listeners,
        )

    def wsgi(self) -> "WsgiInbox":
        """The same as a WSGI application, for Flask, Django and other servers of threads.

        Such a process never runs handlers: beside it `hardpoint work` does. It hands over what it
        receives to that one where the store is a file, and answers 503 without it.
        """
        from hardpoint.hub.wsgi import WsgiInbox

        return WsgiInbox(self)


@final
class _AsyncShell:
    """The asynchronous way of waiting."""

    blocking = False
    runtime = AsyncRuntime()

    def transport(self, limits: Limits, trust: Trust | None) -> AsyncTransport:
        return AsyncTransport(limits, tls=trust)
