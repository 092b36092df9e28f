"""One refresh for each expiry, whoever asks and whoever dies."""

import contextlib
import json
import signal
import subprocess
import sys
import threading
import time
from importlib import util
from pathlib import Path

import pytest

from hardpoint.core.errors import OAuthError, ReauthorizationRequiredError
from hardpoint.core.secrets import Secret
from hardpoint.fakes.authorization import FakeAuthorization
from hardpoint.fakes.faults import latency
from hardpoint.fakes.server import FakeServer
from hardpoint.oauth.tokens import Tokens
from hardpoint.runtime.work import BlockingWork
from hardpoint.sync.vault import Vault

WORKER = Path(__file__).with_name("vault_worker.py")
LIFE = 3600.0
LEASE = 60.0


@pytest.fixture(scope="module")
def worker():
    spec = util.spec_from_file_location("vault_worker", WORKER)
    module = util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


class Process:
    """A worker, and a conversation with it."""

    def __init__(self, *arguments):
        self.process = subprocess.Popen(
            [sys.executable, str(WORKER), *map(str, arguments)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def opened(self):
        heard = self.process.stdout.readline()
        assert heard == "open\n", self.process.stderr.read()

    def ask(self, offset):
        self.process.stdin.write(f"{offset}\n")
        self.process.stdin.flush()

    def answer(self):
        heard = self.process.stdout.readline()
        assert heard, self.process.stderr.read()
        return [tuple(pair) for pair in json.loads(heard)]

    def close(self):
        for stream in (self.process.stdin, self.process.stdout, self.process.stderr):
            with contextlib.suppress(OSError):
                stream.close()
        self.process.kill()
        self.process.wait()


class World:
    def __init__(self, worker, path, rotation):
        self.worker = worker
        self.path = path
        self.rotation = rotation
        self.clock = worker.Ahead()
        self.server = FakeAuthorization(rotation=rotation, life=LIFE)
        self.http = FakeServer(self.server)
        self.processes = []

    def __enter__(self):
        self.http.start()
        self.vault = self.own()
        self.vault.open()
        return self

    def __exit__(self, *_):
        for process in self.processes:
            process.close()
        self.vault.close()
        self.http.stop()

    def own(self):
        return Vault(
            self.worker.vault_at(
                self.path, self.http.url, self.rotation, self.clock, work=BlockingWork()
            )
        )

    def connect(self, *names):
        for name in names:
            document, now = self.server.grant(), time.time()
            tokens = Tokens(
                access=Secret.value(document["access_token"]),
                refresh=Secret.value(document["refresh_token"]),
                issued_at=now,
                expires_at=now + LIFE,
            )
            self.vault.put(name, tokens, client="acme")

    def start(self, *modes):
        new = [Process(self.path, self.http.url, self.rotation, mode) for mode in modes]
        self.processes += new
        for process in new:
            process.opened()
        return new

    @property
    def refreshes(self):
        return self.server.ledger.count("refresh")


@pytest.fixture
def world(worker, tmp_path):
    return lambda rotation="strict": World(worker, tmp_path / "vault.db", rotation)


@pytest.mark.parametrize(
    "modes", [("tasks",) * 4, ("tasks", "threads", "loops", "threads")], ids=["tasks", "mixed"]
)
def test_four_processes_refresh_five_connections_once_for_each_of_three_expiries(world, modes):
    with world() as there:
        there.connect(*there.worker.CONNECTIONS)
        there.http.faults.sometimes(1.0, latency(0.05), on="POST /token")
        processes = there.start(*modes)
        for expiry in range(1, 4):
            for process in processes:
                process.ask(expiry * (LIFE + 1))
            answers = [process.answer() for process in processes]
            assert len(answers[0]) == 5
            assert all(answer == answers[0] for answer in answers), "all have the same tokens"
            assert there.refreshes == 5 * expiry
        assert there.refreshes == 15
        assert all(there.server.alive(number) for number in range(1, 6))
        assert there.server.ledger.count("refused") == 0


def killed(there, step):
    """A process that refreshes is killed at a step; the token had ended."""
    (victim,) = there.start(f"die:{step}")
    victim.ask(LIFE + 1)
    assert victim.process.wait(timeout=20) == -signal.SIGKILL, victim.process.stderr.read()
    there.clock.offset = LIFE + 1 + LEASE + 1


@pytest.mark.parametrize("step", ["spooled", "committed"])
def test_what_was_kept_before_the_kill_is_served_after_it(world, step):
    with world() as there:
        there.connect("c0")
        killed(there, step)
        assert there.vault.access_token("c0").reveal() == "access-1-2"
        assert there.refreshes == 1


@pytest.mark.parametrize(("rotation", "step"), [("static", "claimed"), ("grace", "answered")])
def test_a_killed_refresh_is_repeated_where_that_is_harmless(world, rotation, step):
    with world(rotation) as there:
        there.connect("c0")
        killed(there, step)
        assert there.vault.access_token("c0").reveal().startswith("access-1-")
        assert there.server.alive()
        assert there.vault.status("c0").state.value == "active"


@pytest.mark.parametrize("step", ["claimed", "answered"])
def test_a_killed_refresh_is_never_repeated_where_that_could_end_the_grant(world, step):
    with world() as there:
        there.connect("c0")
        killed(there, step)
        with pytest.raises(ReauthorizationRequiredError) as caught:
            there.vault.access_token("c0")
        assert caught.value.reason == "lost_answer"
        assert there.refreshes == int(step == "answered")
        assert there.server.alive()


def test_nobody_waits_for_a_killed_process_longer_than_its_lease(world):
    with world("static") as there:
        there.connect("c0")
        killed(there, "claimed")
        there.clock.offset = LIFE + 1
        waiting = threading.Timer(0.2, setattr, (there.clock, "offset", LIFE + 1 + LEASE + 1))
        waiting.start()
        assert there.vault.access_token("c0").reveal() == "access-1-2"
        waiting.join()


class Held:
    """The fake server, whose answer to a refresh is held back until it is let go."""

    name = "authorization"

    def __init__(self, server):
        self.server = server
        self.ledger = server.ledger
        self.arrived, self.released = threading.Event(), threading.Event()

    def answer(self, request):
        reply = self.server.answer(request)
        self.arrived.set()
        assert self.released.wait(20)
        return reply


@pytest.mark.parametrize("rotation", ["static", "strict"])
def test_a_process_that_stands_still_beyond_its_lease_neither_spends_nor_overwrites(
    world, rotation
):
    with world(rotation) as there:
        there.connect("c0")
        there.http.app = held = Held(there.server)
        # It asks for c0 alone: what stands still while it reads the file keeps all from writing.
        (sleeper,) = there.start("alone")
        sleeper_only = LIFE - 60  # near its end, so that it is renewed early
        sleeper.ask(sleeper_only)
        assert held.arrived.wait(20)
        sleeper.process.send_signal(signal.SIGSTOP)
        there.clock.offset = sleeper_only + LEASE - 1
        held.released.set()
        with contextlib.suppress(OAuthError):
            there.vault.access_token("c0")
        there.clock.offset = sleeper_only + LEASE + 10
        with contextlib.suppress(OAuthError):
            there.vault.access_token("c0")
        mine = there.vault.status("c0").version
        sleeper.process.send_signal(signal.SIGCONT)
        sleeper.answer()
        assert there.vault.status("c0").version == 2, "the first answer there was"
        assert mine == (2 if rotation == "static" else 1)
        assert there.refreshes == (2 if rotation == "static" else 1)
        assert there.server.alive()
        assert there.vault.status("c0").state.value == "active"
