"""The page's journey, for whichever store: its commands, in the order in which it has them."""

import json
import os
import re
import shlex
import signal
import socket
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path

import httpx2
from tests.cli.conftest import Screen

from hardpoint.cli.main import main
from hardpoint.cli.terminal import Terminal
from hardpoint.webhooks import scheme

PAGE = Path(__file__).parents[2] / "docs/guides/find-what-failed.md"
SECRET = "whsec_journey"
EVENTS = 5
_BLOCK = re.compile(r"```(\w+)\n(.*?)```", re.DOTALL)


def page() -> tuple[str, list[str]]:
    """The application of the page, and its commands."""
    blocks = _BLOCK.findall(PAGE.read_text())
    (shop,) = [text for kind, text in blocks if kind == "python"]
    commands = [line for kind, text in blocks if kind == "sh" for line in text.splitlines()]
    return shop, commands


def until(holds, seconds=60.0):
    deadline = time.monotonic() + seconds
    while not (found := holds()):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    return found


class Workers:
    """`uvicorn --workers 4` with the application of the page."""

    def __init__(self, folder: Path) -> None:
        with closing(socket.create_server(("127.0.0.1", 0))) as free:
            self.port = free.getsockname()[1]
        serve = ("uvicorn", "shop:app", "--workers", "4", "--port", str(self.port))
        with (folder / "log").open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", *serve, "--log-level", "warning"],
                cwd=folder,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        until(self._answers)

    def _answers(self) -> bool:
        try:
            return httpx2.get(f"http://127.0.0.1:{self.port}/healthz").status_code == 200
        except httpx2.HTTPError:
            return False

    def deliver(self, number: int) -> int:
        """A vendor's webhook, with a connection of its own: any worker may get it."""
        payment = {"id": f"pi_{number}", "metadata": {"order": f"order-{number}"}}
        event = {"id": f"evt_{number}", "type": "payment_intent.succeeded"}
        body = json.dumps({**event, "data": {"object": payment}}).encode()
        proof = scheme("stripe", secrets=[SECRET]).sign(
            body, now=time.time(), event_id="", event_type=""
        )
        url = f"http://127.0.0.1:{self.port}/webhooks/billing"
        return httpx2.post(url, content=body, headers=dict(proof)).status_code

    def end(self) -> None:
        os.killpg(self.process.pid, signal.SIGTERM)
        try:
            self.process.wait(30)
        except subprocess.TimeoutExpired:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()


def hardpoint(line: str) -> str:
    """What a command of the page prints; it has to succeed."""
    said, told = Screen(), Screen()
    terminal = Terminal(stdin=Screen(), stdout=said, stderr=told)
    code = main(shlex.split(line)[1:], terminal)
    assert code == 0, (line, said.text(), told.text())
    return said.text() + told.text()


def travel(folder: Path, orders) -> None:
    """From the first failure to the last order, as the page has it.

    Args:
        folder: with its `hardpoint.toml`; the working directory.
        orders: the orders that are marked by now.
    """
    shop, commands = page()
    health, listed, show, plan, run, listed_again, health_again = commands
    source = folder / "shop.py"
    source.write_text(shop)
    line = 1 + shop.splitlines().index(
        next(one for one in shop.splitlines() if 'metadata"]["order_id"]' in one)
    )

    workers = Workers(folder)
    try:
        assert [workers.deliver(number) for number in range(EVENTS)] == [200] * EVENTS
        until(lambda: len(re.findall(r"pending +1 ", hardpoint(listed))) == EVENTS)
        assert re.search(rf"billing .* {EVENTS} ", hardpoint(health)), hardpoint(health)
        identifier = re.search(r"evt_\d", hardpoint(listed))[0]
        shown = hardpoint(show.replace("ID", identifier))
        assert f"shop:{line} in mark_paid" in shown, "the place in the user's code"
        assert "KeyError: 'order_id'" in shown, "the exception"
        assert re.search(r"mark_paid +1 +failed", shown), "the attempts"
        assert re.search(r"mark_paid +pending +20\d\d-\d\d-\d\dT\S+ +1 +0", shown), "the next try"
        assert '"order": "order-' in shown, "what the vendor has sent"
    finally:
        workers.end()
    source.write_text(shop.replace('["order_id"]', '["order"]'))
    workers = Workers(folder)
    try:
        planned = hardpoint(plan)
        assert planned.count("retry") >= EVENTS
        assert f"{EVENTS} of them. Nothing was done" in planned
        assert orders() == []
        assert f"{EVENTS} of {EVENTS} looked at, {EVENTS} job(s) changed" in hardpoint(run)
        until(lambda: len(re.findall(r"\bdone\b", hardpoint(listed_again))) == EVENTS)
        assert "0 of 0 looked at" in hardpoint(run), "nothing is left to do"
        assert sorted(orders()) == [f"order-{one}" for one in range(EVENTS)], "each exactly once"
        assert "dead letters" not in hardpoint(health_again)
    finally:
        workers.end()
