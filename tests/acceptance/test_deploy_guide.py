"""The guide Deploy, run as it says: workers that call out beside one server that receives."""

import base64
import contextlib
import itertools
import json
import os
import re
import signal
import socket
import sqlite3
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

import pytest

from hardpoint.fakes.server import FakeServer
from hardpoint.providers.sendgrid.fake import API_KEY, FakeSendGrid
from hardpoint.sync import Hub as BlockingHub
from hardpoint.webhooks.verification import scheme

pytestmark = pytest.mark.usefixtures("unmeasured")
PAGE = Path(__file__).parents[2] / "docs/guides/deploy.md"
SECRET = "whsec_" + base64.b64encode(b"s" * 32).decode()
FLAGS = re.MULTILINE | re.DOTALL
CONFIGURATION = """
[store]
url = "sqlite:events.db"

[webhooks.shop]
provider = "standard"
secrets = ["env:HP_SECRET"]

[connections.mail]
provider = "sendgrid"
api_key = "env:HP_MAIL"
from = "Shop <orders@shop.example>"
base_url = "{url}"
"""


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return server.getsockname()[1]


def post(url: str, body: bytes = b"", headers: dict[str, str] | None = None) -> int:
    request = urllib.request.Request(url, body, headers or {}, method="POST")
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:
            return answer.status
    except urllib.error.HTTPError as error:
        return error.code


def eventually(ask, wanted, seconds: float = 90.0):
    """Ask until the answer is the one that is wanted."""
    deadline = time.monotonic() + seconds
    while True:
        answer = None
        with contextlib.suppress(OSError):
            answer = ask()
        if answer == wanted:
            return
        assert time.monotonic() < deadline, answer
        time.sleep(0.05)


FENCES = re.findall(r"^```(\w*)\n(.*?)^```$", PAGE.read_text(), FLAGS)
MODULES = {
    text.split("\n", 1)[0].removeprefix("# "): text for kind, text in FENCES if kind == "python"
}
SPLITS = [text.splitlines() for kind, text in FENCES if not kind]
COMMANDS = [line for kind, text in FENCES if kind == "sh" for line in text.splitlines()]
WHOLE = [line for line in COMMANDS if "whole:app" in line]
WORK = ["hardpoint", "work", "shop:hub"]
assert COMMANDS.count(" ".join(WORK)) == 3


def command(words: str, port: int) -> list[str]:
    """The command of the page that has these words, at a port of ours."""
    (line,) = {one for one in COMMANDS if words in one}
    return re.sub(r"80\d\d", str(port), line).split()


class Site:
    """What the page says, in a folder, with its commands started one by one."""

    def __init__(self, folder: Path, stack: contextlib.ExitStack) -> None:
        self.folder = folder
        self._started: list[subprocess.Popen] = []
        for name, code in MODULES.items():
            (folder / name).write_text(code)
        self.vendor = FakeSendGrid()
        stack.callback(self.vendor.emitter.close)
        server = stack.enter_context(FakeServer(self.vendor))
        (folder / "hardpoint.toml").write_text(CONFIGURATION.format(url=server.url))
        self.environment = os.environ | {
            "CELERY_BROKER_URL": f"sqla+sqlite:///{folder}/broker.db",
            "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        }
        stack.callback(self.end)

    def start(
        self, words: list[str], environment: dict[str, str] | None = None
    ) -> subprocess.Popen:
        process = subprocess.Popen(
            words,
            cwd=self.folder,
            env=environment or self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        self._started.append(process)
        return process

    def end(self) -> None:
        """All are told before the first is waited for: some take seconds to end."""
        for process in self._started:
            process.send_signal(signal.SIGTERM)
        for process in self._started:
            process.stdout.read()
            assert process.wait(60) is not None
            process.stdout.close()

    def run(self, module: str) -> None:
        command = [sys.executable, module]
        subprocess.run(command, cwd=self.folder, env=self.environment, check=True, timeout=90)

    def owner(self) -> int:
        """The process that has the store, as its lock says."""
        return int((self.folder / "events.db.lock").read_text() or 0)

    def sent(self) -> int:
        return self.vendor.ledger.count("email")


@pytest.fixture
def site(tmp_path, monkeypatch):
    monkeypatch.setenv("HP_SECRET", SECRET)
    monkeypatch.setenv("HP_MAIL", API_KEY)
    with contextlib.ExitStack() as stack:
        yield Site(tmp_path, stack)


def webhook(url: str, number: int) -> int:
    body = json.dumps({"type": "paid"}).encode()
    headers = scheme("standard", secrets=[SECRET]).sign(
        body, now=time.time(), event_id=f"evt_{number}", event_type="paid"
    )
    return post(url, body, dict(headers))


@pytest.mark.parametrize("commands", SPLITS, ids=lambda commands: " ".join(commands[0].split()[:5]))
def test_workers_call_out_and_one_server_receives(site, commands):
    web, hooks = free_port(), free_port()
    serve = commands[1].replace("8000", str(hooks)).split()
    server = site.start([*serve, "--admin-port", "0"])
    eventually(lambda: webhook(f"http://127.0.0.1:{hooks}/webhooks/shop", 1), 200)
    workers = commands[0].replace("8080", str(web)).split()
    site.start(workers)
    if workers[0] == "celery":
        send = "from tasks import mail\nfor n in (*range(6), *range(6)): mail.delay(n)"
        subprocess.run(
            [sys.executable, "-c", send], cwd=site.folder, env=site.environment, check=True
        )
    else:
        for _ in range(6):
            eventually(lambda: post(f"http://127.0.0.1:{web}/mail"), 200)
    eventually(site.sent, 6)
    once(site)
    while "handled evt_1" not in (line := server.stdout.readline()):
        assert line


def once(site: Site) -> None:
    """What is sent under a key is sent once, whichever process asks."""
    sent = site.sent()
    mail = {"to": ["ann@customer.example"], "subject": "Hello", "text": "Twice?"}
    for _ in range(2):
        with BlockingHub.load(site.folder / "hardpoint.toml") as hub:
            hub.email("mail").send(**mail, idempotency_key="order-1")
    assert site.sent() == sent + 1


@pytest.mark.parametrize("words", WHOLE, ids=lambda words: words.split()[0])
def test_several_workers_with_a_mounted_hub_all_receive(site, words):
    web = free_port()
    url = f"http://127.0.0.1:{web}"
    # Workers are replaced while they are asked: each of gunicorn's after some requests.
    process = site.start([{"1000": "10"}.get(word, word) for word in command(words, web)])
    numbers = itertools.count()

    def hear() -> int:
        number = next(numbers)
        while True:  # a worker that is replaced may drop what it has not read: vendors come again
            with contextlib.suppress(OSError):
                return webhook(f"{url}/webhooks/shop", number)

    eventually(lambda: post(f"{url}/mail"), 200)
    eventually(hear, 200)
    assert [hear() for _ in range(12)] == [200] * 12
    owner = site.owner()
    os.kill(owner, signal.SIGKILL)
    eventually(lambda: site.owner() != owner, True)
    eventually(hear, 200)
    assert [hear() for _ in range(12)] == [200] * 12
    if "gunicorn" in words:
        process.send_signal(signal.SIGHUP)
        owner = site.owner()
        eventually(lambda: site.owner() != owner, True)
        eventually(hear, 200)
    process.send_signal(signal.SIGTERM)
    told = process.stdout.read()
    assert process.wait(60) == 0
    assert "door_failed" not in told
    assert "hardpoint" not in "".join(re.findall("Traceback.*?Error", told, FLAGS))
    assert "handled evt_" in told


def test_a_server_that_reloads_its_code_goes_on_with_the_store(site):
    web = free_port()
    site.start([*command(WHOLE[0], web)[:1], "whole:app", "--reload", "--port", str(web)])
    numbers = itertools.count()
    hear = lambda: webhook(f"http://127.0.0.1:{web}/webhooks/shop", next(numbers))  # noqa: E731

    eventually(hear, 200)
    owner = site.owner()
    (site.folder / "whole.py").write_text(f"{MODULES['whole.py']}\n# changed\n")
    eventually(lambda: site.owner() not in {0, owner}, True)
    eventually(hear, 200)


UNIT = dict(
    line.split("=", 1)
    for kind, text in FENCES
    if kind == "ini"
    for line in text.splitlines()
    if "=" in line
)


class Unit:
    """The unit of the page as systemd would run it, with the site's folder in place of its own."""

    def __init__(self, site: Site) -> None:
        self._site = site
        home = UNIT["WorkingDirectory"]
        self._settings = {key: value.replace(home, str(site.folder)) for key, value in UNIT.items()}
        (site.folder / ".venv").symlink_to(sys.prefix)
        secrets = f"HP_SECRET={SECRET}\nHP_MAIL={API_KEY}\n"
        Path(self._settings["EnvironmentFile"]).write_text(secrets)

    def start(self) -> subprocess.Popen:
        """A service has no more of an environment than this; coverage needs its own."""
        lines = Path(self._settings["EnvironmentFile"]).read_text().splitlines()
        environment = {
            "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
            "LANG": "C.UTF-8",
            **{key: value for key, value in os.environ.items() if key.startswith("COVERAGE")},
            **dict(line.split("=", 1) for line in lines),
        }
        words = self._settings["ExecStart"].split()
        return self._site.start(words, environment)

    def stop(self, process: subprocess.Popen) -> None:
        process.send_signal(signal.Signals[self._settings.get("KillSignal", "SIGTERM")])


def test_the_unit_is_restarted_and_replaced_without_a_gap(site):
    """As far as processes go: what systemd would start, kill, start again, and replace."""
    web = free_port()
    site.start(command(WHOLE[0], web))
    numbers = itertools.count()
    hear = lambda: webhook(f"http://127.0.0.1:{web}/webhooks/shop", next(numbers))  # noqa: E731
    unit = Unit(site)
    assert (UNIT["Restart"], UNIT["KillMode"]) == ("always", "mixed")

    eventually(hear, 200)
    first = unit.start()
    eventually(site.owner, first.pid)
    first.kill()
    again = unit.start()
    eventually(site.owner, again.pid)
    answers = []
    successor = unit.start()  # of the next release, say: of the same rank, so it waits
    while '"data"' not in (line := successor.stdout.readline()):
        assert line
        answers.append(hear())
    assert json.loads(line)["data"]["owner"] == again.pid
    began = time.monotonic()
    unit.stop(again)
    while again.poll() is None:
        answers.append(hear())
    assert time.monotonic() - began < float(UNIT["TimeoutStopSec"])
    eventually(site.owner, successor.pid)
    answers += [hear() for _ in range(4)]
    assert again.returncode == 0
    assert set(answers) == {200}


def test_a_process_for_handlers_takes_over_from_the_workers_and_they_from_it(site):
    web = free_port()
    site.start(command(WHOLE[0], web))
    numbers, answers = itertools.count(), []
    hear = lambda: webhook(f"http://127.0.0.1:{web}/webhooks/shop", next(numbers))  # noqa: E731

    eventually(lambda: post(f"http://127.0.0.1:{web}/mail"), 200)
    work = site.start(WORK)
    deadline = time.monotonic() + 90
    while site.owner() != work.pid:
        assert time.monotonic() < deadline
        answers.append(hear())
    answers += [hear() for _ in range(8)]
    while f"handled evt_{len(answers) - 1}" not in (line := work.stdout.readline()):
        assert line
    work.send_signal(signal.SIGTERM)
    while work.poll() is None:
        answers.append(hear())
    answers += [hear() for _ in range(8)]
    assert set(answers) == {200}
    assert work.returncode == 0
    assert site.owner() != work.pid
    site.run("letter.py")
    site.run("stocktake.py")
    site.run("backup.py")
    with contextlib.closing(sqlite3.connect(site.folder / "backup.db")) as copy:
        assert copy.execute("pragma integrity_check").fetchone() == ("ok",)
        ((count,),) = copy.execute("select count(*) from hardpoint_event")
        assert copy.execute("select * from stock").fetchall() == [("tea", 1)]
    assert count == len(answers) == next(numbers)


def test_flask_and_django_receive_beside_a_process_for_handlers(site):
    ports = free_port(), free_port()
    flask, django = (
        site.start(command(f"{name}:app", port))
        for name, port in zip(("pages", "board"), ports, strict=True)
    )
    numbers = itertools.count()
    urls = [f"http://127.0.0.1:{port}/webhooks/shop" for port in ports]
    hear = lambda: [webhook(url, next(numbers)) for url in urls]  # noqa: E731

    eventually(hear, [503, 503])  # nobody owns the store yet
    assert not (site.folder / "events.db").exists()
    work = site.start(WORK)
    for _ in range(4):  # whichever worker is asked
        eventually(hear, [200, 200])
    assert [post(url, b"forged") for url in urls] == [401, 401]
    assert post(f"http://127.0.0.1:{ports[0]}/mail") == 200
    kill_a_child_of(django.pid)
    flask.send_signal(signal.SIGHUP)
    eventually(hear, [200, 200])
    work.kill()
    again = site.start(WORK)
    eventually(hear, [200, 200])
    last = next(numbers) - 1
    while f"handled evt_{last}" not in (line := again.stdout.readline()):
        assert line
    assert site.owner() == again.pid


def kill_a_child_of(parent: int) -> None:
    children = Path(f"/proc/{parent}/task/{parent}/children").read_text().split()
    os.kill(int(children[0]), signal.SIGKILL)
