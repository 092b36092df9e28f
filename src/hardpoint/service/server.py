"""The server of a hub: two listeners in one loop, from the first socket to the last lease.

It has the store, unless another of its rank has: then it receives for that one, and is there to
take its place. Without a public listener it is the process in which handlers run, and no more.
"""

import asyncio
import functools
import gc
import os
import resource
import signal
import sys
import threading
from collections.abc import Callable, Generator
from contextlib import AbstractContextManager, ExitStack, contextmanager, suppress
from pathlib import Path
from socket import socket
from typing import final

import msgspec

from hardpoint.core.effects import Clock
from hardpoint.core.errors import (
    ConfigurationError,
    MisuseError,
    TimedOutError,
)
from hardpoint.hub.asgi import AsgiApp, InboxApp
from hardpoint.hub.events import HubFailed
from hardpoint.hub.hub import Hub
from hardpoint.hub.operators import TOKEN_CHARACTERS_MIN
from hardpoint.runtime.clocks import SystemClock
from hardpoint.service.admin import LOOPBACK_NAMES, admin_app
from hardpoint.service.connection import GuardedProtocol
from hardpoint.service.events import Ready, ServerStopped, ServerStopping, ServerStuck
from hardpoint.service.guard import IngressGuard, IngressLimits
from hardpoint.service.listener import ListeningSocket, application
from hardpoint.service.operations import TOKEN, AdminOperations, admin_token
from hardpoint.service.protocol import InboxProtocol
from hardpoint.service.readiness import Readiness
from hardpoint.service.reload import POLL_SECONDS, Reloader
from hardpoint.service.sockets import bind, bind_unix, is_loopback, url_of
from hardpoint.store.guests import Rank
from hardpoint.webhooks.calling import CANCEL_SECONDS, in_handler

DESCRIPTORS_KEPT = 128
"""File descriptors that connections leave to the store, the handlers and the rest."""
STUCK = 1
"""The exit code when a stop takes too long."""


class Patience(msgspec.Struct, frozen=True, kw_only=True):
    """How a stop spends its time; 25 s in all, under the 30 s that orchestrators commonly allow.

    Attributes:
        soft_seconds: clients are told that an answer is their connection's last.
        drain_seconds: for the requests that have begun, the former included.
        handler_seconds: for the handlers that run.
        store_seconds: for the store to close, after the handlers.
    """

    soft_seconds: float = 0.5
    drain_seconds: float = 10
    handler_seconds: float = 10
    store_seconds: float = 5


def leave(code: int, *, end: Callable[[int], object] = os._exit) -> None:
    """End the process at once; every acknowledged event is safe in the store."""
    sys.stdout.flush()
    sys.stderr.flush()
    end(code)


@final
class Server:
    """Serves one hub. Sockets are bound before the store is opened, so that a mistake shows first.

    Args:
        hub: not started; its listeners are told `Ready`, `ServerStopping` and how it ended.
        host: of the public listener.
        port: of the public listener; 0 takes a free one.
        uds: the path of a Unix socket that takes the place of `host` and `port`.
        receives: False: there is no public listener, and an admin one only at an `admin_port`.
        works: False: it runs no handlers; other processes do.
        admin_host: a loopback address, unless forced.
        admin_port: 0 takes a free one; None takes the port after the public one, and a free one
            beside a Unix socket.
        force_admin: let others than this machine reach the admin listener; it wants a token then.
        dashboard: what the admin listener has at `/dashboard`.
        limits: of the public listener.
        patience: at the stop.
        hangup_stops: SIGHUP comes from a terminal that closes and means stop; otherwise it means
            that the configuration is to be read again.
        poll: seconds between two looks at the configuration's files.
        clock: for time limits and records.
        ready: called once webhooks are taken.
        exit: ends the process when a stop is to be immediate.
    """

    def __init__(
        self,
        hub: Hub,
        *,
        host: str = "127.0.0.1",
        port: int = 8000,
        uds: Path | None = None,
        receives: bool = True,
        works: bool = True,
        admin_host: str = "127.0.0.1",
        admin_port: int | None = None,
        force_admin: bool = False,
        dashboard: AsgiApp | None = None,
        limits: IngressLimits | None = None,
        patience: Patience | None = None,
        hangup_stops: bool = False,
        poll: float = POLL_SECONDS,
        clock: Clock | None = None,
        ready: Callable[[Ready], object] = lambda _: None,
        exit: Callable[[int], object] = leave,  # noqa: A002 - what it does
    ) -> None:
        if not is_loopback(admin_host) and not force_admin:
            raise ConfigurationError(
                "admin-host",
                f"{admin_host} can be reached from other machines",
                fix="Leave it at 127.0.0.1; or force it (--force-admin): others then reach it",
            )
        if not is_loopback(admin_host) and not admin_token(hub.settings):
            raise ConfigurationError(
                "admin-host",
                f"{admin_host} can be reached from other machines, and there is no token",
                fix=f'Write [admin] token = "env:NAME", or export {TOKEN}: whoever asks sends it',
            )
        if not is_loopback(admin_host) and len(admin_token(hub.settings)) < TOKEN_CHARACTERS_MIN:
            raise ConfigurationError(
                "admin.token",
                f"has less than {TOKEN_CHARACTERS_MIN} characters",
                fix="Make one with: openssl rand -hex 24",
            )
        self._hub = hub
        self._address = (uds or (host, port)) if receives else None
        beside = 0 if uds or not port else port + 1
        self._admin_address = (admin_host, beside if admin_port is None else admin_port)
        self._rank = Rank.SERVER if works else Rank.FRONT
        self._dashboard = dashboard
        self._administers = receives or admin_port is not None
        self._limits = affordable(limits or IngressLimits())
        self._patience = patience or Patience()
        self._hangup_stops = hangup_stops
        self._poll = poll
        self._clock = clock or SystemClock()
        self._ready = ready
        self._exit = exit
        self._stop_reason = ""
        self._stopping = asyncio.Event()

    def stop(self, reason: str) -> None:
        """Begin to stop; call it in the loop. The first reason counts."""
        self._stop_reason = self._stop_reason or reason
        self._stopping.set()

    async def run(self) -> None:
        """Serve until told to stop, or until the hub has failed.

        SIGTERM and SIGINT stop gracefully, a second one at once; for SIGHUP see `hangup_stops`.

        Raises:
            ConfigurationError: a port or host cannot be had.
            StoreError: the store cannot be opened, or was found broken on the way.
            TimedOutError: the handlers or the store did not stop in time.
        """
        hub = self._hub

        def files() -> tuple[Path, ...]:
            return hub.settings.files()

        with ExitStack() as bound:
            public = self._address and bound.enter_context(_bound(self._address))
            admin = None
            if self._administers:
                admin = bound.enter_context(bind(*self._admin_address, key="admin-port"))
            reloader = Reloader(hub.reload, files, listeners=hub.listeners, poll=self._poll)
            with self._signals(reloader), self._watched():
                found_at = self._found_at(public) if public else ""
                await hub.life.start(
                    wait=False, rank=self._rank, public=found_at, reload=reloader.request
                )
                try:
                    cut = await self._serve(public, admin, reloader)
                finally:
                    await self._stop_hub()
        if hub.failure is not None:
            raise hub.failure
        hub.listeners.emit(ServerStopped(connections_cut=cut))

    async def _serve(self, public: socket | None, admin: socket | None, reloader: Reloader) -> int:
        """From the first request taken to the last one answered; gives how many were cut off."""
        hub, patience = self._hub, self._patience
        readiness = Readiness(hub, reloader, self._clock)
        front, back = public and self._front(public), None
        if admin is not None:
            back = self._back(admin, readiness)
        reloading = asyncio.create_task(reloader.run())
        try:
            for listener in filter(None, (back, front)):
                await listener.start()
            ready = Ready(
                url=front.url if front else "",
                admin_url=back.url if back else "",
                pid=os.getpid(),
            )
            hub.listeners.emit(ready)
            self._ready(ready)
            await self._stopping.wait()
            readiness.stopping = True
            hub.listeners.emit(ServerStopping(reason=self._stop_reason))
            if front is None:
                return 0
            return await front.drain(soft=patience.soft_seconds, limit=patience.drain_seconds)
        finally:
            reloading.cancel()
            for listener in filter(None, (front, back)):
                await listener.drain(soft=0, limit=0)

    def _found_at(self, sock: socket) -> str:
        """Where another process on this machine finds the public listener."""
        if isinstance(self._address, Path):
            return f"unix:{self._address.resolve()}"
        return url_of(sock, reachable=True)

    def _front(self, sock: socket) -> ListeningSocket:
        receiver = self._hub.receiver
        guard = IngressGuard(self._limits, self._clock, refused=receiver.refused)
        doors = InboxApp(receiver, listeners=self._hub.listeners, bodies=guard.bodies)
        app = application(doors)
        return ListeningSocket(sock, guard, functools.partial(InboxProtocol, receiver, guard, app))

    def _back(self, sock: socket, readiness: Readiness) -> ListeningSocket:
        guard = IngressGuard(IngressLimits(connections=64), self._clock, refused=_uncounted)
        alone = is_loopback(self._admin_address[0])
        hosts = LOOPBACK_NAMES | {url_of(sock)[7:].rpartition(":")[0]} if alone else None
        with suppress(ConfigurationError):  # `/metrics` says what to install
            self._hub.observation.count()
        operations = AdminOperations(self._hub, alone=alone)
        admin = admin_app(readiness, hosts=hosts, operations=operations, dashboard=self._dashboard)
        app = application(admin)
        return ListeningSocket(sock, guard, functools.partial(GuardedProtocol, guard, app))

    async def _stop_hub(self) -> None:
        hub, patience = self._hub, self._patience
        stopping = asyncio.ensure_future(hub.stop(patience.handler_seconds))
        limit = patience.handler_seconds + CANCEL_SECONDS + patience.store_seconds
        # Not wait_for, which would wait for the cancellation too.
        await asyncio.wait({stopping}, timeout=limit)
        if not stopping.done():
            stopping.cancel()
            hub.listeners.emit(ServerStuck())
            self._exit(STUCK)
            raise TimedOutError("the handlers or the store did not stop in time")
        if hub.failure is None:
            stopping.result()

    @contextmanager
    def _watched(self) -> Generator[None]:
        """Stop when the hub fails."""

        def hear(event: object) -> None:
            if isinstance(event, HubFailed):
                self.stop("the hub has failed")

        deaf = self._hub.listeners.add(hear)
        try:
            yield
        finally:
            deaf()

    @contextmanager
    def _signals(self, reloader: Reloader) -> Generator[None]:
        """Obey the process's signals, where this loop is its main one."""
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._told_to_stop, number)
        # A terminal that closes may say so twice: by its shell, and by the system.
        hung_up = functools.partial(self.stop, "SIGHUP")
        loop.add_signal_handler(signal.SIGHUP, hung_up if self._hangup_stops else reloader.request)
        try:
            yield
        finally:
            for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
                loop.remove_signal_handler(number)

    def _told_to_stop(self, number: signal.Signals) -> None:
        if self._stopping.is_set():
            self._exit(128 + number)
        self.stop(number.name)


def serve(server: Server) -> None:
    """Run a server in a loop of its own, on uvloop where it is installed; raises as it does.

    What handlers have left running in the loop or in its threads is waited for a second each. What
    runs on after that is left behind: whoever ends the process does not wait for it either.
    """
    # What is loaded now stays: the collector need not walk it again and again, which would take
    # a twelfth of an accept.
    gc.collect()
    gc.freeze()
    try:
        runner = asyncio.Runner(loop_factory=new_event_loop)
        try:
            runner.run(server.run())
        finally:
            loop = runner.get_loop()
            if loop.run_until_complete(_wind_up(loop)):
                runner.close()
    finally:
        gc.unfreeze()


async def _wind_up(loop: asyncio.AbstractEventLoop) -> bool:
    """Cancel what is left, and wait for it and for the loop's threads; False if in vain."""
    left = asyncio.all_tasks() - {asyncio.current_task()}
    for task in left:
        task.cancel()
    if left:
        await asyncio.wait(left, timeout=CANCEL_SECONDS)
    threads = asyncio.ensure_future(loop.shutdown_default_executor())
    await asyncio.wait({threads}, timeout=CANCEL_SECONDS)
    return threads.done() and all(task.done() for task in left)


class _Unstopped(asyncio.AbstractEventLoop):
    """What keeps a handler from stopping the loop that others run in."""

    def stop(self) -> None:
        if in_handler.get():
            raise MisuseError("a handler may not stop the event loop: others run in it")
        super().stop()  # pyright: ignore[reportAbstractUsage] - of the loop it is mixed into


def new_event_loop() -> asyncio.AbstractEventLoop:
    """A loop of uvloop, or of the standard library, that no handler can stop."""
    try:
        import uvloop
    except ImportError:
        kind = asyncio.SelectorEventLoop
    else:
        kind = uvloop.Loop
    loop: asyncio.AbstractEventLoop = type("ServingLoop", (_Unstopped, kind), {})()
    return loop


def affordable(limits: IngressLimits, descriptors: int | None = None) -> IngressLimits:
    """The limits, with no more connections than this process may have files open."""
    allowed = resource.getrlimit(resource.RLIMIT_NOFILE)[0] if descriptors is None else descriptors
    if allowed == resource.RLIM_INFINITY:
        return limits
    connections = max(1, min(limits.connections, allowed - DESCRIPTORS_KEPT))
    return msgspec.structs.replace(limits, connections=connections)


def _bound(public: tuple[str, int] | Path) -> AbstractContextManager[socket]:
    if isinstance(public, Path):
        return bind_unix(public, key="uds")
    return bind(*public, key="port")


def _uncounted(source: str, reason: str) -> None:
    """Refusals of the admin listener concern no source."""
