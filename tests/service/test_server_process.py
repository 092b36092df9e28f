"""A server in a process of its own, which is told to end."""

import asyncio
import json
import signal
import subprocess
import sys
import time

import httpx2
import pytest

CHILD = """
import asyncio, contextlib, json, sys, threading, time
from pathlib import Path
import hardpoint.cli.main
from hardpoint.core.secrets import Secret
from hardpoint.hub.hub import Hub
from hardpoint.hub.settings import Settings, SourceSettings, StoreSettings
from hardpoint.service.server import Patience, Server, serve

source = SourceSettings(name="shop", provider="standard", secrets=(Secret.value(sys.argv[2]),))
store = StoreSettings(path=Path(sys.argv[1]))
hub = Hub(Settings(store=store, webhooks={"shop": source}))
blocked = "--block" in sys.argv

@hub.on("shop")
async def handle(event, job):
    if blocked:
        await asyncio.sleep(3600)
    if "--stop-loop" in sys.argv and job.failures == 0:
        asyncio.get_running_loop().stop()
    if "--deaf" in sys.argv:
        threading.Thread(target=time.sleep, args=[3600]).start()
        asyncio.get_running_loop().run_in_executor(None, time.sleep, 3600)
        print("deaf", flush=True)
        while True:
            with contextlib.suppress(asyncio.CancelledError):
                await asyncio.sleep(3600)

def ready(state):
    print(json.dumps({"url": state.url, "admin_url": state.admin_url}), flush=True)

def main():
    soon = Patience(soft_seconds=0.1, drain_seconds=0.2, handler_seconds=0.2)
    serve(Server(hub, port=0, ready=ready, **({"patience": soon} if "--deaf" in sys.argv else {})))
    return 0

hardpoint.cli.main.main = main
hardpoint.cli.main.script()
"""


@pytest.fixture
def child(tmp_path, request):
    """Starts a server in a process of its own; gives the process and its URLs."""
    children: list[subprocess.Popen[str]] = []

    def start(*options: str) -> tuple[subprocess.Popen[str], dict[str, str]]:
        database = str(tmp_path / "inbox.db")
        secret = "whsec_" + "c2VjcmV0" * 4
        process = subprocess.Popen(
            [sys.executable, "-c", CHILD, database, secret, *options],
            stdout=subprocess.PIPE,
            text=True,
        )
        children.append(process)
        assert process.stdout is not None
        return process, json.loads(process.stdout.readline())

    yield start
    for process in children:
        process.kill()
        process.communicate()


def test_sigterm_cuts_off_none_of_forty_clients_and_loses_nothing(
    child, connect, hub, post, signed
):
    process, urls = child()
    stored = 0

    async def flow(client, name: int) -> None:
        nonlocal stored
        for count in range(10_000):
            body, headers = signed(f"evt_{name}_{count}", now=time.time())
            lines = [f"{key}: {value}\r\n" for key, value in headers.items()]
            client.say(post(body, extra="".join(lines).encode()))
            heard = await client.answer()
            assert heard.status == 200
            stored += 1
            if stored == 400:
                process.send_signal(signal.SIGTERM)
            if heard.headers.get(b"connection") == b"close":
                return

    async def scenario() -> None:
        clients = [await connect(urls["url"]) for _ in range(40)]
        await asyncio.gather(*(flow(client, name) for name, client in enumerate(clients)))
        for client in clients:
            client.writer.close()
            await client.writer.wait_closed()

    asyncio.run(scenario())
    assert process.wait(30) == 0
    reader = hub.reader()
    try:
        assert reader.counts()["total"] == stored >= 400
    finally:
        reader.close()


def test_a_second_signal_ends_the_process_at_once(child, signed):
    process, urls = child("--block")
    body, headers = signed("evt_1", now=time.time())
    reply = httpx2.post(
        f"{urls['url']}/webhooks/shop", content=body, headers=headers, trust_env=False
    )
    assert reply.status_code == 200
    process.send_signal(signal.SIGTERM)
    url = f"{urls['admin_url']}/readyz"
    try:
        while httpx2.get(url, trust_env=False).status_code == 200:
            pass
    except httpx2.TransportError:
        pass
    assert process.poll() is None
    process.send_signal(signal.SIGTERM)
    assert process.wait(30) == 128 + signal.SIGTERM


def send_one(urls, signed) -> None:
    body, headers = signed("evt_1", now=time.time())
    reply = httpx2.post(
        f"{urls['url']}/webhooks/shop", content=body, headers=headers, trust_env=False
    )
    assert reply.status_code == 200


def test_the_process_ends_after_one_more_wait_whatever_still_runs_in_it(child, signed):
    process, urls = child("--deaf")
    send_one(urls, signed)
    assert process.stdout.readline() == "deaf\n"
    process.send_signal(signal.SIGTERM)
    assert process.wait(20) == 0


def test_a_handler_that_stops_the_loop_has_failed_and_the_server_goes_on(child, hub, signed):
    process, urls = child("--stop-loop")
    send_one(urls, signed)
    deadline = time.monotonic() + 20
    while not (letters := dead_letters(hub)):
        assert time.monotonic() < deadline
    process.send_signal(signal.SIGTERM)
    assert process.wait(20) == 0
    assert "may not stop the event loop" in letters[0].error


def dead_letters(hub):
    reader = hub.reader()
    try:
        return reader.dead_letters()
    finally:
        reader.close()
