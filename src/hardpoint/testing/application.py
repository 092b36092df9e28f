"""An application's hub under test: started, its store empty, its vendors imitated.

def test_a_paid_order_is_marked(hardpoint_hub):
    hardpoint_hub.deliver("billing", "payment_intent.succeeded")
    hardpoint_hub.drained()
"""

import asyncio
import threading
import time
from collections.abc import Coroutine, Mapping
from importlib import import_module
from typing import Any, TypeVar, final

from hardpoint.core.errors import ConfigurationError, MisuseError
from hardpoint.fakes.emitter import Emission
from hardpoint.fakes.server import FakeServer
from hardpoint.hub.events import HubFailed
from hardpoint.hub.hub import Hub
from hardpoint.store.driver import Outcome
from hardpoint.store.views import JobView, State
from hardpoint.sync import Hub as BlockingHub
from hardpoint.testing.deliveries import emitted, posted, proof_of, sampled
from hardpoint.testing.fakes import account_of
from hardpoint.testing.sandbox import Sandbox
from hardpoint.webhooks.answers import Answer
from hardpoint.webhooks.attempts import HandlerFinished
from hardpoint.webhooks.reception import EventReceived

_Result = TypeVar("_Result")

DRAIN_SECONDS = 10.0
"""What `drained` waits unless told otherwise."""
STEP_SECONDS = 30.0
"""What a start, a stop or a delivery may take; more is a hub that hangs."""

_LOOK_SECONDS = 0.05
"""Between two looks into the store, where nobody says that something has ended."""
_FAILED = frozenset({Outcome.FAILED, Outcome.DEAD, Outcome.NEEDS_RECONCILE})
_EVENTS_MAX = 10_000


@final
class HubUnderTest:
    """What the fixture `hardpoint_hub` gives. Its methods block, also in `async def` tests.

    The hub runs in an event loop of its own, on another thread, as it does beside a web server.

    Attributes:
        hub: the application's own, started; also a `hardpoint.sync.Hub`, which receives nothing.
        fakes: the fake of each connection, by the connection's name.
        finished: every attempt of a handler that has ended, in order.
        answers: what the hub answered to each request that was delivered, in order; with
            `hub.reply` it has a word to say.
    """

    def __init__(self, sandbox: Sandbox, hub: Hub | BlockingHub) -> None:
        self.hub = hub
        self.fakes = sandbox.fakes(hub.settings)
        self.finished: list[HandlerFinished] = []
        self.answers: list[Answer] = []
        self._sandbox = sandbox
        self._received: dict[str | None, EventReceived] = {}
        self._hub_failed: HubFailed | None = None
        self._told = 0
        self._changed = threading.Condition()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(
            target=self._loop.run_forever, name="hardpoint-hub", daemon=True
        )
        self._stop_listening = hub.listeners.add(self._heard)

    def fake(self, name: str) -> FakeServer:
        """The fake of a connection, or of a vendor with one connection.

        Raises:
            ConfigurationError: there is none, or there are several.
        """
        owners = self.hub.settings.connections
        found = [one for one in self.fakes if name in {one, owners[one].provider}]
        if len(found) != 1:
            known = ", ".join(f"{one} ({owners[one].provider})" for one in self.fakes) or "none"
            raise ConfigurationError(
                "hardpoint_hub",
                f"{len(found)} fakes are called {name!r}",
                fix=f"There are: {known}",
            )
        return self.fakes[found[0]]

    def deliver(
        self,
        source: str,
        event: str | None = None,
        values: Mapping[str, Any] | None = None,
        *,
        body: bytes | Mapping[str, Any] | None = None,
    ) -> list[str]:
        """A vendor delivers a webhook, signed, at the hub's own door; gives the ids of its events.

        It returns when they are stored. `drained` waits until they are handled.

        Args:
            source: as configured.
            event: the type of a sample of the vendor's, as `hardpoint trigger` has them. Without
                it, everything that the fake of this vendor has to say by now is delivered.
            values: what to change in the sample, by path: `{"data.object.amount": 500}`.
            body: the body itself, in place of a sample.

        Raises:
            ConfigurationError: no such source, no such sample, or nothing to sign with.
            AssertionError: the hub did not take it.
        """
        __tracebackhide__ = True
        hub = self._receiving("deliver")
        hub.settings.check_source(source)
        if event is None:
            requests = list(emitted(hub.settings, self.fakes, source))
        else:
            emission = sampled(hub.settings, source, event, values or {}, body)
            requests = [(emission, proof_of(hub.settings, self._sandbox, source, emission))]
        return [
            found
            for emission, headers in requests
            for found in self._post(source, emission, headers)
        ]

    def drained(
        self, seconds: float = DRAIN_SECONDS, *, fails: bool = False
    ) -> list[HandlerFinished]:
        """Wait until no job is due; gives the attempts that have ended since the last call.

        A job that waits for its next attempt, some seconds from now, is not due.

        Args:
            seconds: how long at most.
            fails: handlers may fail; else the first failure is raised, from the handler's error.

        Raises:
            AssertionError: a handler failed, or a job is still due: says which.
        """
        __tracebackhide__ = True
        hub = self._receiving("drained")
        until = time.monotonic() + seconds
        while True:
            with self._changed:
                seen = len(self.finished)
            left, recorded = _due(hub)
            # What is recorded is told a moment later.
            if time.monotonic() >= until or not (left or self._heard_of_fewer_than(recorded)):
                break
            with self._changed:
                self._changed.wait_for(lambda seen=seen: len(self.finished) > seen, _LOOK_SECONDS)
        with self._changed:
            ended, self._told = self.finished[self._told :], len(self.finished)
        failed = next((one for one in ended if one.outcome in _FAILED), None)
        if failed is not None and not fails:
            raise AssertionError(_failure(failed)) from failed.exception
        if self._hub_failed is not None:
            raise AssertionError("the hub cannot work any more") from self._hub_failed.exception
        if left:
            waiting = "\n".join(f"  {one}" for one in left)
            raise AssertionError(f"after {seconds:g} seconds there is still due:\n{waiting}")
        return ended

    def run(self, work: Coroutine[Any, Any, _Result], seconds: float = STEP_SECONDS) -> _Result:
        """Await something in the hub's own event loop: `run(hub.retry(event_id))`.

        Raises:
            MisuseError: it is called there, which would wait for itself.
            TimeoutError: it took longer; it is cancelled.
        """
        __tracebackhide__ = True
        try:
            self._receiving("run")
        except MisuseError:
            work.close()
            raise
        doing = asyncio.run_coroutine_threadsafe(work, self._loop)
        try:
            return doing.result(seconds)
        finally:
            doing.cancel()

    def start(self, seed: int = 0) -> None:
        """Start it as if it were new, in a loop of its own.

        Args:
            seed: for what goes wrong by chance.

        Raises:
            MisuseError: the test, or a fixture, has started it before.
        """
        hub = self.hub
        if isinstance(hub, Hub) and hub.life.home is not None:
            raise MisuseError(
                "the hub was started before the fixture hardpoint_hub was there: what starts it, "
                "a test client say, has to ask for that fixture"
            )
        hub.renew()
        self._sandbox.renew(seed)
        if isinstance(hub, Hub):
            self._thread.start()
            try:
                self.run(hub.start())
            except BaseException:
                self.stop()
                raise

    def stop(self) -> None:
        """Stop it; what is left of it goes with its folder."""
        self._stop_listening()
        try:
            if isinstance(self.hub, BlockingHub):
                self.hub.close()
            else:
                self.run(_ended(self.hub))
        finally:
            if self._thread.is_alive():
                self._loop.call_soon_threadsafe(self._loop.stop)
                self._thread.join()
            self._loop.close()

    def told(self) -> list[tuple[str, str]]:
        """What each fake saw and what each handler did, for a test that has failed."""
        told = [(f"fake {name} at {one.url}", account_of(one)) for name, one in self.fakes.items()]
        with self._changed:
            lines = [*map(_line, self.finished)]
        return [*told, ("hardpoint handlers", "\n".join(lines or ["none was called"]))]

    def _receiving(self, doing: str) -> Hub:
        if isinstance(self.hub, BlockingHub):
            raise MisuseError(
                f"{doing} needs a hub that receives webhooks: name the application's "
                "hardpoint.Hub in hardpoint_hub, not its hardpoint.sync.Hub"
            )
        if self._thread is threading.current_thread():
            raise MisuseError(f"{doing} is for tests: a handler would wait for itself")
        return self.hub

    def _post(self, source: str, emission: Emission, headers: list[tuple[str, str]]) -> list[str]:
        __tracebackhide__ = True
        with self._changed:
            before = set(self._received)
        answer = self.run(posted(self._receiving("deliver"), source, headers, emission.body))
        self.answers.append(answer)
        if not 200 <= answer.status < 300:
            what = f"{emission.event_type or 'a webhook'} of {source}"
            raise AssertionError(f"the hub answered {answer.status} to {what}")
        with self._changed:
            return [one for one in self._received if one is not None and one not in before]

    def _heard_of_fewer_than(self, recorded: int) -> bool:
        with self._changed:
            return sum(not one.refused for one in self.finished) < recorded

    def _heard(self, event: object) -> None:
        with self._changed:
            if isinstance(event, HandlerFinished):
                self.finished.append(event)
            elif isinstance(event, EventReceived):
                self._received[event.event_id] = event
            elif isinstance(event, HubFailed):
                self._hub_failed = event
            self._changed.notify_all()


def application(reference: str, sandbox: Sandbox) -> Hub | BlockingHub:
    """The hub that `module:name` is, or makes.

    Raises:
        ConfigurationError: there is none, or it was not loaded for tests.
    """
    name, _, attribute = reference.partition(":")
    with sandbox.importing():
        found: Any = import_module(name)
        for one in (attribute or "hub").split("."):
            if not hasattr(found, one):
                raise ConfigurationError(
                    "hardpoint_hub", f"{reference!r}: {name} has no {one}", fix="Write module:name"
                )
            found = getattr(found, one)
        if callable(found):  # a hub is not
            found = found()
    if not isinstance(found, Hub | BlockingHub):
        raise ConfigurationError(
            "hardpoint_hub",
            f"{reference!r} is no hub but {type(found).__qualname__}",
            fix="Name a hardpoint.Hub, a hardpoint.sync.Hub, or a function that makes one",
        )
    if not sandbox.made(found.settings):
        raise ConfigurationError(
            "hardpoint_hub",
            f"{reference!r} keeps the settings of production",
            fix="Load them from a file, with Hub.load, and in no plugin of pytest",
        )
    return found


async def _ended(hub: Hub) -> None:
    await hub.stop(grace=0)
    await asyncio.get_running_loop().shutdown_default_executor()


def _due(hub: Hub) -> tuple[list[str], int]:
    """The jobs that are due or under way, each in a line; and how many attempts are recorded."""
    reader = hub.reader()
    try:
        events = reader.events(limit=_EVENTS_MAX)
        pending = (one for one in events if one.state is State.PENDING)
        views = [view for one in pending for view in reader.event(one.id)]
    finally:
        reader.close()
    now = time.time()
    left = [
        f"{job.handler}, for {view.summary.type or 'an event'} of {view.summary.source}: "
        f"{_state(job)}"
        for view in views
        for job in view.jobs
        if job.running or job.run_at <= now
    ]
    return left, sum(one.attempts for one in events)


def _state(job: JobView) -> str:
    doing = "it runs" if job.running else "it waits for a place"
    return f"{doing}, after {job.failures} failures" if job.failures else doing


def _line(one: HandlerFinished) -> str:
    error = f": {one.error}" if one.error else ""
    about = f"for {one.type} of {one.source}"
    return f"{one.handler}, attempt {one.attempt}, {about}: {one.outcome}{error}"


def _failure(one: HandlerFinished) -> str:
    again = "" if one.retry_in is None else f"; it would be tried again in {one.retry_in:.0f} s"
    return f"handler {_line(one)}{again}"
