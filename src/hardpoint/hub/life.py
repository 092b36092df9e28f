"""A hub's life: what runs while it is started, in one event loop at a time.

A loop may end without a word: `asyncio.run` in a test or a task queue, `async_to_sync`, a test
client. What ran there runs no more, and whoever needs the hub next starts it where that one is.
"""

import asyncio
import threading
from asyncio import AbstractEventLoop
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, final

from hardpoint.core.errors import ConfigurationError, MisuseError, StoreUnavailableError
from hardpoint.core.forks import end_child, forget_in_child
from hardpoint.core.traces import summary_of
from hardpoint.hub.events import DoorFailed, HubFailed
from hardpoint.hub.identity import ISSUER_PATIENCE_SECONDS, keep_alive, meet_issuers
from hardpoint.hub.pulling import Pulling
from hardpoint.hub.reloading import reload_or_tell
from hardpoint.store.guests import Rank

if TYPE_CHECKING:
    from hardpoint.hub.hub import Hub

TEND_SECONDS = 1.0
TRY_SECONDS = 1.0
"""Between two tries to open a store that another process has, or that cannot be had now."""
CANCELLED_SECONDS = 0.1
"""How long a loop may take to end after it has cancelled everything."""
LAY_DOWN_SECONDS = 10.0
"""What handlers may take to end when another process is to have the store."""
ELSEWHERE_SECONDS = 10.0
"""How much longer than its grace a stop in another loop may take."""


@final
class Life:
    """Starts and stops a hub.

    Args:
        hub: whose life it is.
    """

    def __init__(self, hub: "Hub") -> None:
        self._hub = hub
        self._rank = Rank.WORKER
        self.public = ""
        """Where webhooks are taken, if others on this machine can find that."""
        self._reload: Callable[[], object] | None = None
        self._home: AbstractEventLoop | None = None
        self.forget()
        forget_in_child(self)

    def forget(self) -> None:
        """A forked child has nothing that runs; should it go on with this loop, it is ended."""
        home, self._home = self._home, None
        if home is not None and home.is_running():
            with suppress(RuntimeError):  # in debug mode, from another thread than the loop's
                home.call_soon(end_child)
        self._mutex = threading.Lock()
        self._tasks: list[asyncio.Task[None]] = []
        self._reading: set[asyncio.Task[str | None]] = set()
        self._handling: asyncio.Task[None] | None = None
        self._pulling: asyncio.Task[None] | None = None
        self._laying_down = False
        self._unfit = False
        self.waiting: StoreUnavailableError | None = None

    @property
    def home(self) -> AbstractEventLoop | None:
        """The loop that webhooks are handled in; None while they are not."""
        return self._runs_in if self.waiting is None else None

    @property
    def _runs_in(self) -> AbstractEventLoop | None:
        """The loop it was started in, if that still runs."""
        home = self._home
        return home if home is not None and home.is_running() else None

    @property
    def works(self) -> bool:
        """Whether handlers may run in this process at all; see `Hub.start`."""
        return self._rank >= Rank.WORKER

    def check(self) -> None:
        """Raise the reason why the store, which somebody needs now, is still waited for."""
        if self.waiting is not None:
            raise self.waiting

    async def start(
        self,
        *,
        wait: bool,
        rank: Rank = Rank.WORKER,
        public: str = "",
        reload: Callable[[], object] | None = None,
    ) -> None:
        """See `Hub.start`.

        Args:
            wait: likewise.
            rank: what this process is, beside others of the same store.
            public: where it takes webhooks, for the command line.
            reload: called when the configuration is to be read again; otherwise it is read.
        """
        here = asyncio.get_running_loop()
        with self._mutex:
            if self._runs_in is not None:
                return
            left, self._home = self._home, here
        hub, self._rank, self.public = self._hub, rank, public
        self._reload = reload
        try:
            if left is not None:
                await self._leave(left)
            await self._open(wait=wait)
        except BaseException:
            self._home = None
            await hub.shared.stop()
            raise
        hub.failure = None
        self._run(asyncio.create_task(self._tend()))
        if self.waiting is not None:
            self._run(asyncio.create_task(self._wait()))
        else:
            self._begin()
        if hub.settings.identity.describe_themselves:
            asked = asyncio.Event()
            self._run(asyncio.create_task(meet_issuers(hub.accounts, hub.listeners, asked)))
            with suppress(TimeoutError):
                await asyncio.wait_for(asked.wait(), ISSUER_PATIENCE_SECONDS)
        if hub.settings.identity.oauth and self.works:
            self._run(asyncio.create_task(keep_alive(hub.accounts, hub.listeners)))

    async def receive(self) -> None:
        """Begin to handle webhooks in a hub that was started when it had no source of them."""
        hub = self._hub
        begun = hub.shared.started or self.waiting is not None
        if hub.settings.receives and self._tasks and not begun:
            await hub.shared.start(self)  # a call may have opened the store long since
            self._begin()
        self._pull()

    # What works on the store in the process that owns it; see `Crew`

    @property
    def rank(self) -> Rank:
        """See `Crew`: without handlers, what others have received would wait here."""
        return self._rank if self._hub.handlers else min(self._rank, Rank.SCRIPT)

    def matching(self, source: str, event_type: str) -> tuple[str, ...]:
        """See `Crew`."""
        return self._hub.handlers.matching(source, event_type)

    def known(self) -> tuple[str, ...]:
        """See `Crew`."""
        return self._hub.handlers.names()

    def take_up(self) -> None:
        """Run handlers, from now on."""
        may = self._handling is None and not self._laying_down and self.works
        if may and self._tasks and self.waiting is None:
            if self._unfit:  # by what worked here before
                self._unfit, self._hub.failure = False, None
            self._handling = asyncio.create_task(self._hub.worker.run())
            self._run(self._handling)
            self._pull()

    async def lay_down(self, *, clean: bool) -> None:
        """Run none any more: the store broke, or another process is to have it."""
        handling, self._handling = self._handling, None
        if handling is None:
            return
        self._laying_down = True
        try:
            await self._pull_no_more()
            await self._hub.worker.stop(LAY_DOWN_SECONDS if clean else 0)
            self._tasks.remove(handling)
            handling.cancel()
            await asyncio.wait({handling})
        finally:
            self._laying_down = False
        self._begin()  # in a loop that was held up the store may have come back meanwhile

    def arrived(self, handlers: Sequence[str], source: str) -> None:
        """Other processes have brought work for these handlers; unknown ones are theirs."""
        worker, known = self._hub.worker, self._hub.handlers.names()
        if not handlers:
            worker.resume()
        elif mine := [name for name in handlers if name in known]:
            worker.notify(mine, source)

    def reload(self) -> None:
        """See `Crew`."""
        if self._reload is not None:
            self._reload()
            return
        hub = self._hub
        reading = asyncio.create_task(reload_or_tell(hub.reload, hub.listeners))
        self._reading.add(reading)
        reading.add_done_callback(self._reading.discard)

    async def stop(self, grace: float) -> None:
        """See `Hub.stop`."""
        home, here = self._runs_in, asyncio.get_running_loop()
        if home is not None and home is not here:
            await _elsewhere(home, self, grace)
            return
        left, self._home = self._home, None
        if left is not None and left is not here:
            await self._leave(left)
        tasks, self._tasks, self._handling = self._tasks, [], None
        hub = self._hub
        if self.waiting is not None:
            self.waiting = None
            for task in tasks:
                task.cancel()  # now: it must not begin to handle any more
        try:
            await self._pull_no_more()
            if tasks:
                await hub.worker.stop(grace if hub.failure is None else 0)
                for task in tasks:
                    task.cancel()
                await asyncio.gather(*tasks, return_exceptions=True)
                with suppress(StoreUnavailableError):
                    await hub.receiver.flush()
        finally:
            await hub.shared.stop(clean=hub.failure is None)
            await hub.close()

    def _pull(self) -> None:
        """Ask the queues that are sources, if there are any and handlers run here."""
        if self._hub.settings.sources and self._handling is not None and self._pulling is None:
            self._pulling = asyncio.create_task(Pulling(self._hub).run())
            self._run(self._pulling)

    async def _pull_no_more(self) -> None:
        pulling, self._pulling = self._pulling, None
        if pulling is not None:
            self._tasks = [one for one in self._tasks if one is not pulling]
            pulling.cancel()
            await asyncio.wait({pulling}, timeout=LAY_DOWN_SECONDS)

    async def _leave(self, loop: AbstractEventLoop) -> None:
        """Take leave of a loop that runs no more; the store gives back what was leased there."""
        tasks, self._tasks, self._handling, self._pulling = self._tasks, [], None, None
        self.waiting = None
        for task in tasks:
            if loop.is_closed():
                with suppress(RuntimeError):  # it may want to wait, for what will never come
                    task.get_coro().close()  # pyright: ignore[reportOptionalMemberAccess]
            else:
                task.cancel()
        await self._hub.shared.stop()
        await self._hub.store.close()

    async def _open(self, *, wait: bool) -> None:
        """Open what is needed. What cannot be had now may be waited for.

        A worker that ended for it would take the site along, which supervisors end with it.
        """
        hub = self._hub
        if hub.settings.receives:
            self._refuse_deaf()
        try:
            if hub.settings.identity.vault is not None:
                await hub.vault.open()
            if hub.settings.receives:
                await hub.shared.start(self)
        except StoreUnavailableError as error:
            if not wait:
                raise
            if str(error) != str(self.waiting):
                hub.listeners.emit(DoorFailed(doing="start", error=summary_of(error)))
            self.waiting = error
        else:
            self.waiting = None

    def _refuse_deaf(self) -> None:
        """See that who receives for others knows for whom, where there is no owner that does.

        Raises:
            ConfigurationError: it knows no handlers, so that nobody would ever handle the events.
        """
        hub = self._hub
        if not self.works and not hub.handlers and hub.settings.store.file is None:
            raise ConfigurationError(
                "handlers",
                "are not known to this process, which receives for others: on PostgreSQL it has to "
                "name who handles an event",
                fix="Take the hub of the module with the handlers: from shop import hub",
            )

    async def _wait(self) -> None:
        while self.waiting is not None:
            await asyncio.sleep(TRY_SECONDS)
            await self._open(wait=True)
        self._begin()

    def _begin(self) -> None:
        """All that was waited for is there; whether this process owns the store may change."""
        shared = self._hub.shared
        if shared.started and shared.owner and not shared.leaving:
            self.take_up()

    def _run(self, task: asyncio.Task[None]) -> None:
        self._tasks.append(task)
        task.add_done_callback(self._ended)

    async def _tend(self) -> None:
        """Write the counters now and then."""
        hub = self._hub
        while True:
            await asyncio.sleep(TEND_SECONDS)
            with suppress(StoreUnavailableError):
                await hub.receiver.flush()

    def _ended(self, task: asyncio.Task[None]) -> None:
        if task not in self._tasks:
            return
        if task.cancelled():
            # At the end of a loop everything is cancelled. Should it go on, then somebody has
            # cancelled what is not theirs, and nobody handles webhooks any more.
            task.get_loop().call_later(CANCELLED_SECONDS, self._cancelled, task)
        elif (error := task.exception()) is not None:
            self._failed(task, error)

    def _cancelled(self, task: asyncio.Task[None]) -> None:
        if task in self._tasks:
            reason = "code in this event loop has cancelled tasks of hardpoint's"
            self._failed(task, MisuseError(reason))

    def _failed(self, task: asyncio.Task[None], error: BaseException) -> None:
        hub = self._hub
        if hub.failure is None:
            hub.failure, self._unfit = error, task is self._handling
            hub.listeners.emit(HubFailed(error=summary_of(error), exception=error))
        if task is self._handling:
            hub.shared.give_up(f"handlers run no more in this process: {summary_of(error)}")


async def _elsewhere(home: AbstractEventLoop, life: Life, grace: float) -> None:
    """Stop it where it runs."""
    stopping = asyncio.run_coroutine_threadsafe(life.stop(grace), home)
    try:
        async with asyncio.timeout(grace + ELSEWHERE_SECONDS):
            await asyncio.wrap_future(stopping)
    except TimeoutError:
        raise MisuseError(
            "the hub was started in another event loop, and that is stuck: stop it there"
        ) from None
