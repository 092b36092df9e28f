"""Several processes of one site show themselves as one: their metrics and their health."""

import asyncio
import json
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from contextlib import closing, suppress
from tempfile import TemporaryDirectory

import httpx2
import pytest

from hardpoint import Hub
from hardpoint.hub.siblings import ANSWER_BYTES_MAX, Siblings
from hardpoint.telemetry.health import ConnectionHealth, HealthState, together
from hardpoint.webhooks import scheme

SECRET = "whsec_c2VjcmV0IG9mIGEgdGVzdCwgb3BlbnMgbm90aGluZw=="
CONFIGURATION = """
[store]
url = "sqlite:events.db"
[webhooks.shop]
provider = "standard"
secrets = ["env:HOOK"]
[connections.crm]
provider = "rest"
base_url = "http://127.0.0.1:9"
key = "env:HOOK"
policy = { preset = "no_retry" }
"""
APPLICATION = """
from contextlib import asynccontextmanager
from hardpoint import Hub
from hardpoint.core.errors import HardpointError
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse
from starlette.routing import Mount, Route
import os

hub = Hub.load("hardpoint.toml")

@hub.on("shop")
async def handle(event, job):
    pass

async def call(request):
    try:
        await hub.rest("crm").get("/deals")
    except HardpointError:
        pass
    return PlainTextResponse(str(os.getpid()))

@asynccontextmanager
async def lifespan(_):
    async with hub:
        yield

app = Starlette(
    routes=[
        Route("/call", call),
        Mount("/metrics", hub.metrics()),
        Mount("/health", hub.health_asgi()),
        Mount("/", hub.asgi()),
    ],
    lifespan=lifespan,
)
"""


@pytest.fixture
def site(tmp_path, monkeypatch):
    """A folder with a configuration; its processes find each other below it."""
    with TemporaryDirectory(prefix="hp") as runtime:  # a socket's path has to be short
        (tmp_path / "run").symlink_to(runtime)
        monkeypatch.setenv("XDG_RUNTIME_DIR", runtime)
        yield from _site(tmp_path, monkeypatch)


def _site(tmp_path, monkeypatch):
    monkeypatch.setenv("HOOK", SECRET)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "hardpoint.toml").write_text(CONFIGURATION)
    (tmp_path / "sibshop.py").write_text(APPLICATION)
    yield tmp_path


def until(holds, seconds=60.0):
    deadline = time.monotonic() + seconds
    while not (found := holds()):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    return found


def samples(text, name):
    """The values of a metric, each with its labels."""
    found = re.findall(rf"^{name}(?:{{(.*)}})? (\S+)$", text, re.MULTILINE)
    return [(dict(re.findall(r'(\w+)="([^"]*)"', labels)), float(one)) for labels, one in found]


class Workers:
    def __init__(self, folder):
        with closing(socket.create_server(("127.0.0.1", 0))) as free:
            self.url = f"http://127.0.0.1:{free.getsockname()[1]}"
        serve = ("uvicorn", "sibshop:app", "--workers", "4", "--log-level", "warning")
        with (folder / "log").open("wb") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", *serve, "--port", self.url.rpartition(":")[2]],
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def get(self, path):
        """On a connection of its own, so that any of them may be asked."""
        try:
            return httpx2.get(self.url + path, timeout=20).text
        except httpx2.HTTPError:
            return ""

    def end(self):
        with suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()


def test_four_workers_answer_as_one_whichever_is_asked(site):
    workers = Workers(site)
    try:
        processes = "hardpoint_processes"
        until(lambda: ({"state": "answering"}, 4.0) in samples(workers.get("/metrics/"), processes))
        signer = scheme("standard", secrets=[SECRET])
        for number in range(24):
            body = b'{"type":"paid"}'
            proof = signer.sign(body, now=time.time(), event_id=f"m{number}", event_type="paid")
            url = f"{workers.url}/webhooks/shop"
            assert httpx2.post(url, content=body, headers=dict(proof)).status_code == 200
        callers = {workers.get("/call") for _ in range(24)}
        assert len(callers) > 1, "one worker alone was asked"
        for _ in range(4):
            text = workers.get("/metrics/")
            received = samples(text, "hardpoint_webhook_events_total")
            assert sum(value for _, value in received) == 24
            called = samples(text, "hardpoint_calls_total")
            assert sum(value for _, value in called) == 24
            assert {labels["process"] for labels, _ in called} == callers
            assert text.count("# TYPE hardpoint_calls_total ") == 1
            assert len(samples(text, "hardpoint_backlog_jobs")) == 1, "said once, for all"
            assert len(samples(text, "hardpoint_process_info")) == 4
            health = json.loads(workers.get("/health/"))
            assert health["connections"][0]["calls"] == 24
            assert health["connections"][0]["error_rate"] == 1.0
            roles = sorted(one["role"] for one in health["processes"])
            assert roles == ["guest", "guest", "guest", "owner"]
        stopped, other = [int(one) for one in sorted(callers)][:2]
        os.kill(stopped, signal.SIGSTOP)
        asked = asyncio.run(_looked())
        assert [one.pid for one in asked.processes if not one.answered] == [stopped]
        os.kill(stopped, signal.SIGKILL)
        until(lambda: stopped not in [one.pid for one in asyncio.run(_looked()).processes])
        assert other in [one.pid for one in asyncio.run(_looked()).processes]
    finally:
        workers.end()


async def _looked():
    """What a process says that only looks."""
    hub = Hub.load("hardpoint.toml")
    try:
        return await hub.health()
    finally:
        await hub.close()


_FORKS = """
import asyncio, os, sys
from hardpoint import Hub
from hardpoint.core.errors import HardpointError

hub = Hub.load("hardpoint.toml")
hub.metrics()

async def call():
    try:
        await hub.rest("crm").get("/deals")
    except HardpointError:
        pass
    return await hub.observation.metrics()

asyncio.run(call())
# As a thread of the parent's may be counting while it forks.
for one in hub.observation._metrics._registry._collector_to_names:
    getattr(one, "_lock", None) and one._lock.acquire()
child = os.fork()
if child == 0:
    print(os.getpid(), os.getppid())
    print(asyncio.run(call()).decode())
    sys.stdout.flush()
    os._exit(0)
print(os.waitpid(child, 0)[1])
"""


def test_a_fork_begins_to_count_anew_under_its_own_name(site):
    done = subprocess.run(
        [sys.executable, "-c", _FORKS], capture_output=True, text=True, timeout=60, check=True
    )
    first, _, text = done.stdout.partition("\n")
    child, parent = first.split()
    calls = samples(text, "hardpoint_calls_total")
    assert [value for labels, value in calls if labels["process"] == child] == [1.0]
    assert parent not in {labels["process"] for labels, _ in calls}, "its lock is held"
    assert samples(text, "hardpoint_processes") == [
        ({"state": "answering"}, 1.0),
        ({"state": "silent"}, 1.0),
    ]


def odd_sibling(site, said):
    """Something that listens as a process of the site would."""
    (folder,) = (site / "run").resolve().iterdir()  # its own path is short enough
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(str(folder / "1-1.sock"))
    listener.listen(4)

    def answer():
        with listener, suppress(OSError):
            while True:
                caller, _ = listener.accept()
                with caller, suppress(OSError):
                    caller.recv(64)
                    caller.sendall(said)

    threading.Thread(target=answer, daemon=True).start()
    return listener


@pytest.mark.parametrize("said", [b"{]", b"", b"x" * (ANSWER_BYTES_MAX + 2)])
def test_one_that_says_nothing_that_can_be_understood_is_silent(site, said):
    async def main():
        async with Hub.load("hardpoint.toml") as hub:
            await hub.health()
            odd = odd_sibling(site, said)
            report = await hub.health()
            odd.shutdown(socket.SHUT_RDWR)
            return report

    report = asyncio.run(main())
    assert [(one.pid, one.answered) for one in report.processes[1:]] == [(1, False)]
    assert report.state is HealthState.UP


def test_where_others_could_write_nobody_is_asked_or_told(site):
    (site / "run").chmod(0o777)
    report = asyncio.run(_health())
    assert [one.pid for one in report.processes] == [os.getpid()]
    assert list((site / "run").iterdir()) == []
    (site / "run").chmod(0o700)
    asyncio.run(_health())
    (folder,) = (site / "run").iterdir()
    folder.rmdir()
    folder.symlink_to(site)
    assert len(asyncio.run(_health()).processes) == 1


async def _health():
    async with Hub.load("hardpoint.toml") as hub:
        return await hub.health()


def test_a_hub_that_has_stopped_is_found_no_more(site):
    async def main():
        async with Hub.load("hardpoint.toml") as hub:
            await hub.health()
            (folder,) = (site / "run").iterdir()
            assert len([*folder.iterdir()]) == 1
            (folder / "notes.txt").touch()
            assert len((await hub.health()).processes) == 1
        return [one.name for one in folder.iterdir()]

    assert asyncio.run(main()) == ["notes.txt"]


def test_a_process_is_asked_nothing_it_does_not_know(site):
    answers = []
    siblings = Siblings("here", lambda question: answers.append(question) or b"{}")
    siblings.announce()
    siblings.announce()
    (folder,) = (site / "run").iterdir()
    (path,) = folder.iterdir()
    for said in (b"", b"\xff\xff"):
        with socket.socket(socket.AF_UNIX) as caller:
            caller.connect(str(path.resolve()))
            caller.sendall(said)
            caller.shutdown(socket.SHUT_WR)
            caller.recv(10)
    siblings.close()
    siblings.close()
    assert answers == ["\ufffd\ufffd"]


def test_a_path_that_is_too_long_for_a_socket_is_no_reason_to_fail(site, monkeypatch):
    deep = site / ("x" * 100)
    deep.mkdir(mode=0o700)
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(deep))
    assert len(asyncio.run(_health()).processes) == 1


def test_without_a_folder_of_its_own_the_system_has_one(site, monkeypatch):
    monkeypatch.delenv("XDG_RUNTIME_DIR")
    monkeypatch.setenv("TMPDIR", str(site))
    import tempfile

    monkeypatch.setattr(tempfile, "tempdir", None)
    assert len(asyncio.run(_health()).processes) == 1
    assert (site / f"hardpoint-{os.geteuid()}").stat().st_mode & 0o77 == 0


def connection(**changes):
    plain = {
        "name": "crm",
        "provider": "rest",
        "state": HealthState.UP,
        "reasons": (),
        "calls": 0,
        "error_rate": None,
        "p95_seconds": None,
        "circuit": "closed",
        "quota_left": None,
        "quota_limit": None,
        "last_call_at": None,
        "last_error": None,
        "credentials": (),
    }
    return ConnectionHealth(**{**plain, **changes})


def test_one_connection_of_several_processes_is_as_bad_as_all_of_them_together():
    busy = connection(calls=30, error_rate=0.0, p95_seconds=0.1, quota_left=7, quota_limit=10)
    broken = connection(
        calls=10,
        error_rate=1.0,
        p95_seconds=2.0,
        circuit="open",
        last_call_at=5.0,
        last_error="unavailable",
    )
    idle = connection()
    found = together([idle, busy, broken], 10.0)
    assert (found.calls, found.error_rate, found.p95_seconds) == (40, 0.25, 2.0)
    assert (found.state, found.circuit, found.last_call_at) == (HealthState.DOWN, "open", 5.0)
    assert (found.quota_left, found.quota_limit, found.last_error) == (7, 10, "unavailable")
    assert found.reasons == ("its circuit is open", "25% of 40 calls failed")
    assert together([idle], 1.0) == idle
