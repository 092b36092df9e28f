import asyncio
import hashlib
import io
import json
import os
import queue
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from hardpoint.cli.main import main
from hardpoint.cli.terminal import Terminal
from hardpoint.core.effects import Clock
from hardpoint.core.identifiers import Uuid7
from hardpoint.core.traces import Place
from hardpoint.store.driver import Accepted, Completion, NewEvent, Outcome
from hardpoint.store.guests import Rank
from hardpoint.store.guests.frames import VERSIONS, Hello, release
from hardpoint.store.guests.lines import address_of
from hardpoint.store.guests.server import GuestServer
from hardpoint.store.journal import Intent, JobName
from hardpoint.store.journalling import StoreJournal
from hardpoint.store.sqlite import SqliteStore
from hardpoint.store.sqlite.gate import Gate, LentTurns
from hardpoint.testing import ManualClock

NOW = 1_700_000_000.0
SECRET = "whsec_test_secret"


class Screen(io.TextIOWrapper):
    """A text stream over bytes that may be a terminal."""

    def __init__(self, content: bytes = b"", *, tty: bool = False) -> None:
        self.bytes = io.BytesIO(content)
        self._tty = tty
        super().__init__(self.bytes, encoding="utf-8", write_through=True, newline="\n")

    def isatty(self) -> bool:
        return self._tty

    def text(self) -> str:
        return self.bytes.getvalue().decode(errors="replace")


class Run:
    """What one run of the command line gave."""

    def __init__(self, code: int, out: Screen, err: Screen) -> None:
        self.code = code
        self.raw = out.bytes.getvalue()
        self.out = out.text()
        self.err = err.text()

    @property
    def envelope(self) -> dict[str, Any]:
        return json.loads(self.out)

    @property
    def data(self) -> Any:
        return self.envelope["data"]

    @property
    def error(self) -> dict[str, str]:
        return self.envelope["error"]


class Stage:
    """Runs a command that goes on until a signal in this thread, and a visitor in another.

    Args:
        visit: begun with the first line that is printed, from which it is called with what `where`
            makes of it.
        where: of a line of text; of the envelope's data with --json.
        stop: the signal that ends it when the visitor is done.

    Attributes:
        lines: of stdout.
        coming: the same, as they come.
        said: what stood on stderr.
    """

    def __init__(
        self,
        visit: Callable[[Any], object],
        *,
        where: Callable[[Any], Any] = lambda one: one,
        stop: int = signal.SIGINT,
    ) -> None:
        self.lines: list[str] = []
        self.coming: queue.SimpleQueue[str] = queue.SimpleQueue()
        self.said = io.StringIO()
        self._visit, self._where, self._stop = visit, where, stop
        self._failed: list[BaseException] = []
        self._reading, self._writing = os.pipe()

    def run(self, *arguments: str) -> int:
        reader = threading.Thread(target=self._read)
        reader.start()
        with os.fdopen(self._writing, "w") as out:
            terminal = Terminal(stdin=io.StringIO(), stdout=out, stderr=self.said)
            code = main(arguments, terminal)
        reader.join()
        if self._failed:
            raise self._failed[0]
        assert self.lines, self.said.getvalue()
        return code

    @property
    def text(self) -> str:
        return "\n".join(self.lines)

    def wait_for(self, word: str, seconds: float = 60.0) -> str:
        """The next line with this word in it."""
        until = time.monotonic() + seconds
        while word not in (line := self.coming.get(timeout=until - time.monotonic())):
            pass
        return line

    def _read(self) -> None:
        with os.fdopen(self._reading) as lines:
            for line in lines:
                self.lines.append(line.rstrip("\n"))
                self.coming.put(self.lines[-1])
                if len(self.lines) == 1:
                    threading.Thread(target=self._visited).start()

    def _visited(self) -> None:
        first = self.lines[0]
        try:
            self._visit(self._where(json.loads(first)["data"] if first[0] == "{" else first))
        except BaseException as error:
            self._failed.append(error)
        finally:
            os.kill(os.getpid(), self._stop)


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(NOW)


@pytest.fixture
def cli(clock: ManualClock) -> Callable[..., Run]:
    """Runs the command line in this process, its streams and effects captured."""
    counter = iter(range(1, 10_000))

    def run(
        *arguments: object,
        stdin: bytes = b"",
        tty: bool = False,
        ask: Callable[[str], str] = lambda _: SECRET,
        sleep: Callable[[float], None] = clock.advance,
        now: Clock = clock,
    ) -> Run:
        out, err = Screen(tty=tty), Screen(tty=tty)
        terminal = Terminal(
            stdin=Screen(stdin, tty=tty),
            stdout=out,
            stderr=err,
            clock=now,
            ids=lambda: f"00000000-0000-7000-8000-{next(counter):012}",
            ask_secret=ask,
            sleep=sleep,
        )
        code = main([str(one) for one in arguments], terminal)
        return Run(code, out, err)

    return run


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty working directory, with the secret exported."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SECRET", SECRET)
    return tmp_path


@pytest.fixture
def config(folder: Path) -> Path:
    """A configuration with a source of each kind."""
    path = folder / "hardpoint.toml"
    path.write_text(
        '[store]\nurl = "sqlite:hardpoint.db"\n'
        '[webhooks.billing]\nprovider = "stripe"\nsecrets = ["env:SECRET"]\n'
        '[webhooks.code]\nprovider = "github"\nsecrets = ["env:SECRET"]\n'
    )
    return path


@pytest.fixture
def receiver() -> Iterator[SimpleNamespace]:
    """A real HTTP server on loopback: keeps what it got, answers what it is told."""
    with _receiver() as state:
        state.listen()
        yield state


@pytest.fixture
def late_receiver() -> Iterator[SimpleNamespace]:
    """The same, refusing connections until `listen()` is called."""
    with _receiver() as state:
        yield state


@contextmanager
def _receiver() -> Iterator[SimpleNamespace]:
    state = SimpleNamespace(requests=[], status=200, headers={}, body=b'{"status":"stored"}')

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            state.requests.append(
                SimpleNamespace(path=self.path, headers=dict(self.headers.items()), body=body)
            )
            if state.status is None:
                return
            self.send_response(state.status)
            for name, value in {"content-length": str(len(state.body)), **state.headers}.items():
                self.send_header(name, value)
            self.end_headers()
            with suppress(OSError):  # a client may have read enough
                self.wfile.write(state.body)

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler, bind_and_activate=False) as server:
        server.server_bind()
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        state.url = f"http://127.0.0.1:{server.server_address[1]}/webhooks/billing"

        def listen() -> None:
            server.server_activate()
            thread.start()

        state.listen = listen
        yield state
        if thread.is_alive():
            server.shutdown()
            thread.join()


_BODY = b'{"id":"evt_paid","note":"\xc3\xa9\x1b[2J"}'
_PLACE = Place("app", 7, "boom")
_NASTY = "evt_\x1b]0;owned\x07nasty"


class Filler:
    """Fills a real store with events in every state; keeps our ids by name."""

    def __init__(self, path: Path, clock: ManualClock) -> None:
        self._store = SqliteStore(path, clock=clock)
        self._clock = clock
        self._ids = Uuid7(now=clock.now)
        self.ids: dict[str, str] = {}

    async def fill(self) -> None:
        await self._store.open()
        await self._add("done", "evt_paid", body=_BODY)
        await self._end("done", "mark_paid", Outcome.DONE)
        await self._add("dead", _NASTY, account="acct_1")
        await self._end("dead", "mark_paid", Outcome.DEAD, "ValueError: \x1b[31mno such order")
        await self._add("skipped", "evt_skipped", handlers=(), type="charge.refunded")
        await self._add("waiting", "evt_waiting", body=b"\xff\xfe")
        await self._end("waiting", "mark_paid", Outcome.FAILED, "OSError", again=1e9, place=_PLACE)
        await self._add("malformed", None, handlers=(), malformed="the body is not JSON", body=b"")
        await self._add("doubtful", "evt_doubtful")
        await self._doubt("doubtful", "mark_paid")
        await self._add("one", "shared", source="billing")
        await self._add("two", "shared", source="other")
        await self._store.close()

    async def _add(self, name: str, vendor_id: str | None, **changes: Any) -> None:
        self._clock.advance(1)
        body = changes.pop("body", b"{}")
        plain = {
            "id": self._ids(),
            "source": "billing",
            "vendor_id": vendor_id,
            "type": "payment.succeeded",
            "account": None,
            "asserted": False,
            "received_at": self._clock.now(),
            "signed_at": 1_700_000_000,
            "correlation_id": f"c-{name}",
            "headers": b'{"content-type":"application/json"}',
            "body": body,
            "body_sha256": hashlib.sha256(body + name.encode()).digest(),
            "handlers": ("mark_paid",),
            "lease": False,
        }
        answer: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self._store.accept(NewEvent(**{**plain, **changes}), answer.set_result)
        accepted = await answer
        assert isinstance(accepted, Accepted), accepted
        self.ids[name] = accepted.id

    async def _doubt(self, name: str, handler: str) -> None:
        """Two calls of it were made; of one nobody knows how it ended."""
        journal = StoreJournal(self._store)
        job = JobName(self.ids[name], handler, 1)
        for key, subject in (("k1", "SM1"), ("k2", None)):
            intent = Intent(scope="texts:send", key=key, fingerprint=b"", job=job)
            await journal.begin(intent)
            if subject is None:
                journal.leave(intent)
            else:
                await journal.end(intent, b"{}", subject)
        await self._end(name, handler, Outcome.NEEDS_RECONCILE, "OutcomeUnknownError: no answer")

    async def _end(
        self,
        name: str,
        handler: str,
        outcome: Outcome,
        error: str | None = None,
        *,
        again: float = 0,
        place: Place | None = None,
    ) -> None:
        now = self._clock.now()
        [lease] = (await self._store.claim({handler: 1})).leases
        assert lease.event.id == self.ids[name]
        await self._store.complete(
            Completion(
                event=lease.event.id,
                handler=handler,
                fence=lease.fence,
                started_at=now,
                ended_at=now + 0.25,
                outcome=outcome,
                retry_in=again,
                error=error,
                place=place,
            )
        )


@pytest.fixture
def events(config: Path, clock: ManualClock, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """Our ids of the events in a real store, by what they are; the secret is not at hand."""
    monkeypatch.delenv("SECRET")
    filler = Filler(config.parent / "hardpoint.db", clock)
    asyncio.run(filler.fill())
    return filler.ids


class FakeOwner:
    """Who has the store, as the command line sees it over the socket: it notes every order.

    Attributes:
        orders: what was asked, and with what.
        answer: how many jobs each order changes, or why it cannot be done.
        delay: seconds that each order takes.
        public: where it takes webhooks.
        known, matching: its handlers, and those that want each event.
    """

    broken = None
    is_whole = True

    def __init__(self, database: Path) -> None:
        self.orders: list[tuple[Any, ...]] = []
        self.answer: int | Exception = 1
        self.delay = 0.0
        self.public = ""
        self.rank = Rank.SERVER
        self.release = release()
        self.known: tuple[str, ...] = ()
        self.matching: tuple[str, ...] = ()
        self.turns = LentTurns(Gate(), lambda _: None)
        self.reloads = 0
        self.loop = asyncio.new_event_loop()
        self.server = GuestServer(
            *(self.loop, address_of(database.resolve()), self),  # pyright: ignore[reportArgumentType] - no more than is asked of it
            boot=1,
            file=(1, 2),
            arrived=lambda _, __: None,
            matching=lambda _, __: self.matching,
            known=lambda: self.known,
            reload=self._reload,
            myself=self._myself,
        )

    def _reload(self) -> None:
        self.reloads += 1

    def _myself(self) -> Hello:
        return Hello(VERSIONS, "owner", os.getpid(), self.rank, self.release, self.public)

    def look_for_deaths(self) -> None:
        pass

    async def retry(self, event: str, handler: str | None, *, actor: str, reason: str) -> int:
        return await self._do("retry", event, handler, actor, reason)

    async def replay(
        self,
        event: str,
        handlers: tuple[str, ...],
        *,
        force: bool,
        actor: str,
        reason: str,
        plan: str,
    ) -> int:
        return await self._do("replay", event, handlers, force, reason, plan)

    async def resolve(self, event: str, handler: str | None, *, note: str, actor: str) -> int:
        return await self._do("resolve", event, handler, note, actor)

    async def _do(self, *order: Any) -> int:
        self.orders.append(order)
        await asyncio.sleep(self.delay)
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer


@pytest.fixture
def server(config: Path) -> Iterator[FakeOwner]:
    """A process that has the store, on a thread of its own."""
    owner = FakeOwner(config.with_name("hardpoint.db"))
    thread = threading.Thread(target=owner.loop.run_forever)
    thread.start()
    yield owner

    async def end() -> None:
        owner.server.stop_listening()
        owner.server.hang_up()
        await asyncio.sleep(0)

    asyncio.run_coroutine_threadsafe(end(), owner.loop).result(20)
    owner.loop.call_soon_threadsafe(owner.loop.stop)
    thread.join()
    owner.loop.close()
