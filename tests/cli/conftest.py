import io
import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from hardpoint.cli.main import main
from hardpoint.cli.terminal import Terminal
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
    ) -> Run:
        out, err = Screen(tty=tty), Screen(tty=tty)
        terminal = Terminal(
            stdin=Screen(stdin, tty=tty),
            stdout=out,
            stderr=err,
            clock=clock,
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
