"""The guide Deploy, run as it says: two web workers that call out, one server that receives."""

import base64
import contextlib
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

from hardpoint.fakes.server import FakeServer
from hardpoint.providers.sendgrid.fake import API_KEY, FakeSendGrid
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


def eventually(ask, seconds: float = 60.0):
    deadline = time.monotonic() + seconds
    while True:
        with contextlib.suppress(OSError):
            return ask()
        assert time.monotonic() < deadline
        time.sleep(0.05)


@pytest.fixture
def shop(tmp_path):
    code, commands = re.findall(
        r"^```(?:python)?\n(.*?)^```$", PAGE.read_text(), re.MULTILINE | re.DOTALL
    )[:2]
    (tmp_path / "shop.py").write_text(code)
    vendor = FakeSendGrid()
    with FakeServer(vendor) as server:
        (tmp_path / "hardpoint.toml").write_text(CONFIGURATION.format(url=server.url))
        web, hooks = free_port(), free_port()
        environment = os.environ | {"HP_SECRET": SECRET, "HP_MAIL": API_KEY}
        environment["PATH"] = f"{Path(sys.executable).parent}:{environment['PATH']}"
        with contextlib.ExitStack() as stack:
            processes = []
            for command in commands.strip().splitlines():
                words = command.replace("8080", str(web)).replace("8000", str(hooks)).split()
                if words[0] == "hardpoint":
                    words += ["--admin-port", "0"]
                process = subprocess.Popen(
                    words,
                    cwd=tmp_path,
                    env=environment,
                    stdout=subprocess.PIPE,
                    stderr=subprocess.STDOUT,
                    text=True,
                )
                stack.callback(ended, process)
                processes.append(process)
            yield f"http://127.0.0.1:{web}", f"http://127.0.0.1:{hooks}", processes
    vendor.emitter.close()


def ended(process: subprocess.Popen) -> None:
    process.send_signal(signal.SIGTERM)
    process.stdout.read()
    assert process.wait(60) is not None
    process.stdout.close()


def test_two_workers_call_out_and_one_server_receives(shop):
    web, hooks, (_, server) = shop
    for _ in range(6):
        assert eventually(lambda: post(f"{web}/mail")) == 200
    body = json.dumps({"type": "paid"}).encode()
    headers = scheme("standard", secrets=[SECRET]).sign(
        body, now=time.time(), event_id="evt_1", event_type="paid"
    )
    assert eventually(lambda: post(f"{hooks}/webhooks/shop", body, dict(headers))) == 200
    while "handled evt_1" not in (line := server.stdout.readline()):
        assert line
