"""Sites of FastAPI, Flask and Django: two web workers, two of `hardpoint work`, one database each.

Each is operated from the command line, and then its processes are killed at random while a vendor
delivers. `HARDPOINT_KILLS` says how many of them.
"""

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
from dataclasses import dataclass
from pathlib import Path

import pytest

from hardpoint.webhooks.verification import scheme

from .conftest import SECRET, Site

pytestmark = pytest.mark.usefixtures("unmeasured")
HERE = Path(__file__).parent
KILLS = int(os.environ.get("HARDPOINT_KILLS", "4"))
SENDERS = 3
PATIENCE = 90.0


def until(condition: Callable[[], bool], seconds: float = PATIENCE) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it has not come true"
        time.sleep(0.05)


@dataclass(frozen=True)
class Framework:
    """How a site of it is served, where its hub is, and what its handlers do beside the rest."""

    serve: tuple[str, ...]
    hub: str = "shop:hub"
    kinds: tuple[str, ...] = ("paid", "sent", "returned")


FRAMEWORKS = {
    "fastapi": Framework(
        ("uvicorn", "shop:app", "--workers", "2", "--log-level", "warning", "--port", "{port}")
    ),
    "flask": Framework(("gunicorn", "pages:app", "--workers", "2", "--bind", "127.0.0.1:{port}")),
    "django": Framework(
        ("gunicorn", "board:application", "--workers", "2", "--bind", "127.0.0.1:{port}"),
        hub="board:hub",
        kinds=("paid", "sent", "saved"),
    ),
}


class Crowd:
    """The processes of a site: a server of web workers, and those that handle."""

    def __init__(self, site: Site, framework: Framework) -> None:
        with closing(socket.create_server(("127.0.0.1", 0))) as free:
            self.port: int = free.getsockname()[1]
        self.address = f"http://127.0.0.1:{self.port}/hooks/webhooks/shop"
        self.framework = framework
        self._site = site
        self._log = (site.folder / "log").open("ab")
        self.web = self._run(*(part.format(port=self.port) for part in framework.serve))
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
        return self._run("hardpoint", "work", self.framework.hub)

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
        self.acknowledged: dict[int, str] = {}
        self.refused: Counter[int] = Counter()

    def send(self, kind: str) -> int:
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


@pytest.fixture(params=FRAMEWORKS)
def crowd(site: Site, request: pytest.FixtureRequest) -> Generator[Crowd]:
    made = Crowd(site, FRAMEWORKS[request.param])
    try:
        yield made
    finally:
        made.end()
        sys.stderr.write((site.folder / "log").read_text())  # for whoever looks into a failure


def test_a_site_is_operated_and_marks_each_event_exactly_once_under_kills(
    site: Site, crowd: Crowd
) -> None:
    vendor = Vendor(crowd.port)
    _operated(site, crowd, vendor)
    site.beside.execute("truncate marked")
    vendor.acknowledged.clear()
    _killed(site, crowd, vendor)


def _operated(site: Site, crowd: Crowd, vendor: Vendor) -> None:
    kinds = crowd.framework.kinds
    numbers = {kind: vendor.send(kind) for kind in (*kinds, "lost", "thanked")}
    until(lambda: site.value("select count(*) from marked") == 4)
    until(lambda: site.value("select count(*) from hardpoint.dead") == 1)
    marked = dict(site.beside.execute("table marked").fetchall())
    assert marked == {
        number: {"sent": "sent0"}.get(kind, kind)
        for kind, number in numbers.items()
        if kind != "lost"
    }

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

    # A web worker of WSGI is there once it has had a request.
    until(lambda: site.value("select count(*) from hardpoint.process where works") == 2)
    found = {one["check"]: one for one in site.command("doctor")["findings"]}
    assert "(receives)" in found["processes"]["detail"]
    assert "(works)" in found["processes"]["detail"]
    assert "handlers" not in found
    assert found["database role"]["result"] == "warn"
    assert "sqlite library" not in found
    good = ("store", "vault", "clocks", "durability", "processes", "retention")
    assert {found[name]["result"] for name in good} == {"ok"}
    assert site.command("reload")["told"] >= 3


def _killed(site: Site, crowd: Crowd, vendor: Vendor) -> None:
    choose = random.Random(13)
    over = threading.Event()

    def deliver(seed: int) -> None:
        kinds = random.Random(seed)
        while not over.is_set():
            vendor.send(kinds.choice(crowd.framework.kinds))

    senders = [threading.Thread(target=deliver, args=(seed,)) for seed in range(SENDERS)]
    for sender in senders:
        sender.start()
    for _ in range(KILLS):
        known = len(vendor.acknowledged)
        time.sleep(choose.uniform(0.4, 1.2))
        crowd.kill_one(choose)
        # Else those that have just begun to start would be killed for ever on a busy machine.
        until(lambda known=known: len(vendor.acknowledged) > known)
    over.set()
    for sender in senders:
        sender.join()
    until(lambda: not site.value("select count(*) from hardpoint.job"))

    assert site.value("select count(*) from hardpoint.dead") == 0
    marked = Counter(site.beside.execute("table marked").fetchall())
    assert not [row for row, times in marked.items() if times > 1]
    kept = {number: kind.removesuffix("0") for number, kind in marked}
    assert len(vendor.acknowledged) > KILLS
    assert kept == vendor.acknowledged
    assert set(vendor.refused) <= {503}
