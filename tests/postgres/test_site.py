"""Two web workers of uvicorn and two of `hardpoint work`, one database: as a site runs."""

import http.client
import json
import os
import random
import signal
import socket
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Generator, Mapping
from contextlib import closing, suppress
from pathlib import Path

import pytest

from hardpoint.webhooks.verification import scheme

from .conftest import SECRET, Site

pytestmark = pytest.mark.usefixtures("unmeasured")
HERE = Path(__file__).parent
KILLS = int(os.environ.get("HARDPOINT_KILLS", "6"))
KINDS = ("paid", "sent", "returned")
SENDERS = 3
PATIENCE = 90.0


def until(condition: Callable[[], bool], seconds: float = PATIENCE) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it has not come true"
        time.sleep(0.05)


class Crowd:
    """The processes of a site: a server of web workers, and those that handle."""

    def __init__(self, site: Site, web: str) -> None:
        with closing(socket.create_server(("127.0.0.1", 0))) as free:
            self.port: int = free.getsockname()[1]
        self.address = f"http://127.0.0.1:{self.port}/hooks/webhooks/shop"
        self._site = site
        self._log = (site.folder / "log").open("ab")
        self.web = self._run(*(part.format(port=self.port) for part in _SERVERS[web]))
        self.handling = [self.work(), self.work()]

    def _run(self, *command: str) -> "subprocess.Popen[bytes]":
        return subprocess.Popen(
            [sys.executable, "-m", *command],
            cwd=HERE,
            env=self._site.environment,
            stdout=self._log,
            stderr=self._log,
        )

    def work(self) -> "subprocess.Popen[bytes]":
        return self._run("hardpoint", "work", "shop:hub")

    def web_workers(self) -> list[int]:
        """The processes that the server has started, and starts again."""
        path = Path(f"/proc/{self.web.pid}/task/{self.web.pid}/children")
        children = map(int, path.read_text().split())
        return [one for one in children if b"resource_tracker" not in _command(one)]

    def kill_one(self, choose: random.Random) -> None:
        if choose.random() < 0.5:
            workers = self.web_workers()
            if workers:
                with suppress(ProcessLookupError):
                    os.kill(choose.choice(workers), signal.SIGKILL)
        else:
            index = choose.randrange(2)
            self.handling[index].kill()
            self.handling[index].wait()
            self.handling[index] = self.work()

    def end(self) -> None:
        for process in (self.web, *self.handling):
            process.terminate()
        for process in (self.web, *self.handling):
            with suppress(subprocess.TimeoutExpired):
                process.wait(15)
            process.kill()
            process.wait()
        self._log.close()


_SERVERS = {
    "uvicorn": [
        "uvicorn",
        "shop:app",
        "--workers",
        "2",
        "--log-level",
        "warning",
        "--port",
        "{port}",
    ],
    "gunicorn": ["gunicorn", "pages:app", "--workers", "2", "--bind", "127.0.0.1:{port}"],
}


def _command(pid: int) -> bytes:
    with suppress(OSError):
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    return b""


class Vendor:
    """Delivers events with rising numbers, and delivers anew what nobody has acknowledged."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._scheme = scheme("standard", secrets=[SECRET])
        self._mutex = threading.Lock()
        self._count = 0
        self._line: http.client.HTTPConnection | None = None
        self.acknowledged: dict[int, str] = {}
        self.refused: Counter[int] = Counter()

    def send(self, kind: str, line: http.client.HTTPConnection | None = None) -> int:
        """Deliver a new event until it is acknowledged; gives its number."""
        with self._mutex:
            self._count += 1
            number = self._count
        until(lambda: self._delivered(number, kind))
        self.acknowledged[number] = kind
        return number

    def _delivered(self, number: int, kind: str) -> bool:
        body = json.dumps({"type": kind, "number": number}).encode()
        headers = dict(
            self._scheme.sign(body, now=time.time(), event_id=f"msg_{number}", event_type=kind)
        )
        status = post(self._port, "/hooks/webhooks/shop", body, headers)
        if status not in {0, 200}:
            self.refused[status] += 1
        return status == 200


def post(port: int, path: str, body: bytes, headers: Mapping[str, str]) -> int:
    """The status of an answer; 0 where none came."""
    try:
        with closing(http.client.HTTPConnection("127.0.0.1", port, timeout=20)) as line:
            line.request("POST", path, body, {"content-type": "application/json", **headers})
            return line.getresponse().status
    except (OSError, http.client.HTTPException):
        return 0


@pytest.fixture
def web() -> str:
    """Which server receives."""
    return "uvicorn"


@pytest.fixture
def crowd(site: Site, web: str) -> Generator[Crowd]:
    made = Crowd(site, web)
    try:
        yield made
    finally:
        made.end()
        sys.stderr.write((site.folder / "log").read_text())  # for whoever looks into a failure


def test_a_site_is_operated_from_the_command_line(site: Site, crowd: Crowd) -> None:
    vendor = Vendor(crowd.port)
    numbers = {kind: vendor.send(kind) for kind in (*KINDS, "lost", "thanked")}
    until(lambda: site.value("select count(*) from marked") == 4)
    until(lambda: site.value("select count(*) from hardpoint.dead") == 1)
    assert sorted(site.beside.execute("table marked").fetchall()) == [
        (numbers["paid"], "paid"),
        (numbers["sent"], "sent0"),
        (numbers["returned"], "returned"),
        (numbers["thanked"], "thanked"),
    ]
    assert post(crowd.port, "/partners/acme", b"", {}) == 200
    assert site.value("select count(*) from hardpoint.connection") == 1

    (site.folder / "body").write_text('{"type": "paid", "number": 99}')
    told = site.command("trigger", "standard", "paid", "--to", crowd.address, "--raw", "body")
    assert told["deliveries"][0]["status"] == 200
    until(lambda: site.value("select count(*) from marked where number = 99") == 1)

    listed = site.command("events", "list")["events"]
    assert len(listed) == 6
    shown = site.command("events", "show", told["id"])["events"][0]
    assert shown["state"] == "done"
    until(lambda: not site.value("select count(*) from hardpoint.job"))
    replayed = site.command("events", "replay", told["id"], "--force")
    assert replayed["results"][0]["jobs"] == 1
    until(lambda: site.value("select count(*) from marked where number = 99") == 2)
    (letter,) = site.command("dlq", "list")["dead_letters"]
    assert letter["reason"] == "permanent"
    assert site.command("dlq", "retry", letter["id"])["results"][0]["jobs"] == 1
    until(lambda: site.value("select count(*) from hardpoint.attempt where outcome='dead'") == 2)
    assert site.command("dlq", "discard", letter["id"], "--note", "found")["results"][0]["jobs"]
    assert site.command("dlq", "list")["dead_letters"] == []
    (account,) = site.command("oauth", "status")["connections"]
    assert account["tenant"] == "acme"

    found = {one["check"]: one for one in site.command("doctor")["findings"]}
    assert found["processes"]["detail"].startswith("4 live: ")
    assert found["database role"]["result"] == "warn"
    assert "sqlite library" not in found
    assert {found[name]["result"] for name in ("store", "vault", "clocks", "durability")} == {"ok"}


@pytest.mark.parametrize(("web", "kills"), [("uvicorn", KILLS), ("gunicorn", KILLS // 2)])
def test_under_kills_each_event_is_marked_exactly_once(
    site: Site, crowd: Crowd, kills: int
) -> None:
    choose = random.Random(13)
    vendor = Vendor(crowd.port)
    vendor.send("paid")  # it serves
    over = threading.Event()

    def deliver(seed: int) -> None:
        kinds = random.Random(seed)
        while not over.is_set():
            vendor.send(kinds.choice(KINDS))

    senders = [threading.Thread(target=deliver, args=(seed,)) for seed in range(SENDERS)]
    for sender in senders:
        sender.start()
    for _ in range(kills):
        time.sleep(choose.uniform(0.4, 1.2))
        crowd.kill_one(choose)
    over.set()
    for sender in senders:
        sender.join()
    until(lambda: not site.value("select count(*) from hardpoint.job"))

    assert site.value("select count(*) from hardpoint.dead") == 0
    marked = Counter(site.beside.execute("table marked").fetchall())
    assert not [row for row, times in marked.items() if times > 1]
    kept = {number: kind.removesuffix("0") for number, kind in marked}
    assert len(vendor.acknowledged) > kills
    assert kept == vendor.acknowledged
    assert set(vendor.refused) <= {503}
