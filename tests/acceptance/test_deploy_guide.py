"""The guide Deploy, run as it says: workers that call out beside one server that receives."""

import base64
import contextlib
import itertools
import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

import pytest

from hardpoint.core.errors import StoreUnavailableError
from hardpoint.fakes.server import FakeServer
from hardpoint.providers.sendgrid.fake import API_KEY, FakeSendGrid
from hardpoint.sync import Hub as BlockingHub
from hardpoint.webhooks.verification import scheme

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


BLOCKS = re.findall(r"^```(?:python)?\n(.*?)^```$", PAGE.read_text(), re.MULTILINE | re.DOTALL)
MODULES = {
    block.split("\n", 1)[0].removeprefix("# "): block for block in BLOCKS if block.startswith("#")
}
SPLITS = [block.splitlines() for block in BLOCKS if not block.startswith("#")]
ALONE = re.search(r"`(uvicorn --workers 2 whole:app)`", PAGE.read_text())[1].split()


class Site:
    """What the page says, in a folder, with its commands started one by one."""

    def __init__(self, folder: Path, stack: contextlib.ExitStack) -> None:
        self.folder = folder
        self._stack = stack
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

    def start(self, words: list[str]) -> subprocess.Popen:
        process = subprocess.Popen(
            words,
            cwd=self.folder,
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        self._stack.callback(ended, process)
        return process

    def sent(self) -> int:
        return self.vendor.ledger.count("email")


@pytest.fixture
def site(tmp_path, monkeypatch):
    monkeypatch.setenv("HP_SECRET", SECRET)
    monkeypatch.setenv("HP_MAIL", API_KEY)
    with contextlib.ExitStack() as stack:
        yield Site(tmp_path, stack)


def ended(process: subprocess.Popen) -> None:
    process.send_signal(signal.SIGTERM)
    process.stdout.read()
    assert process.wait(60) is not None
    process.stdout.close()


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
        send = "from tasks import mail\nfor _ in range(6): mail.delay()"
        subprocess.run(
            [sys.executable, "-c", send], cwd=site.folder, env=site.environment, check=True
        )
    else:
        for _ in range(6):
            eventually(lambda: post(f"http://127.0.0.1:{web}/mail"), 200)
    eventually(site.sent, 6)
    refused(site)
    while "handled evt_1" not in (line := server.stdout.readline()):
        assert line


def refused(site: Site) -> None:
    """What has to be written down cannot be, beside the server; and says so at once."""
    with BlockingHub.load(site.folder / "hardpoint.toml") as hub:
        mail = {"to": ["ann@customer.example"], "subject": "Hello", "text": "Twice?"}
        with pytest.raises(StoreUnavailableError, match="--workers"):
            hub.email("mail").send(**mail, idempotency_key="order-1")


def test_several_workers_with_a_mounted_hub_all_receive(site):
    web = free_port()
    url = f"http://127.0.0.1:{web}"
    process = site.start([*ALONE, "--port", str(web)])
    numbers = itertools.count()
    hear = lambda: webhook(f"{url}/webhooks/shop", next(numbers))  # noqa: E731 - asked in many places

    eventually(lambda: post(f"{url}/mail"), 200)
    eventually(hear, 200)
    assert [hear() for _ in range(12)] == [200] * 12
    owner = int((site.folder / "events.db.lock").read_text())
    os.kill(owner, signal.SIGKILL)
    eventually(lambda: int((site.folder / "events.db.lock").read_text()) != owner, True)
    eventually(hear, 200)
    assert [hear() for _ in range(12)] == [200] * 12
    process.send_signal(signal.SIGTERM)
    told = process.stdout.read()
    assert process.wait(60) == 0
    assert "door_failed" not in told
    assert "Traceback" not in told
    assert "handled evt_" in told
