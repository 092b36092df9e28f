"""One request of ten thousand events: acknowledged, each handled once, killed in between or not."""

import asyncio
import contextlib
import json
import os
import signal
import sqlite3
import subprocess
import sys
import textwrap
import time
from urllib.parse import urlsplit

import pytest

from hardpoint.providers.sendgrid.fake import PRIVATE_KEY, VERIFICATION_KEY
from hardpoint.webhooks.delivery import EVENTS_AT_ONCE
from hardpoint.webhooks.verification import scheme

COUNT = 10_000
PATIENCE = 60
CONFIGURATION = """
[store]
url = "sqlite:shop.db"
[webhooks.mail]
provider = "sendgrid"
secrets = ["env:SENDGRID_KEY"]
"""
APPLICATION = """
    from hardpoint import Hub

    ADD = "insert into handled values (?, 1) on conflict (id) do update set times = times + 1"
    hub = Hub.load("hardpoint.toml")

    @hub.on("mail", "delivered")
    async def delivered(event, job):
        job.write(lambda tx: tx.execute(ADD, [event.json()["number"]]))
"""


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "hardpoint.toml").write_text(CONFIGURATION)
    (tmp_path / "application.py").write_text(textwrap.dedent(APPLICATION))
    with contextlib.closing(sqlite3.connect(tmp_path / "shop.db")) as connection, connection:
        connection.execute("create table handled (id integer primary key, times integer)")
    return tmp_path


@contextlib.asynccontextmanager
async def serving(folder):
    with (folder / "log").open("ab") as log:
        process = subprocess.Popen(
            [
                *(sys.executable, "-m", "hardpoint", "serve", "application:hub", "--json"),
                *("--port", "0", "--admin-port", "0"),
            ],
            cwd=folder,
            env={**os.environ, "SENDGRID_KEY": VERIFICATION_KEY},
            stdout=subprocess.PIPE,
            stderr=log,
        )
    try:
        line = await asyncio.to_thread(process.stdout.readline)
        yield process, json.loads(line)["data"]["url"]
    finally:
        process.send_signal(signal.SIGTERM)
        process.stdout.close()
        await asyncio.to_thread(process.wait, 30)


def listed():
    """10 000 events, 659 kB; every fifth has no id, and one is no event."""
    items = [
        {"sg_event_id": f"e{number:021d}", "event": "delivered", "number": number}
        if number % 5
        else {"event": "delivered", "number": number, "smtp-id": "x" * 18}
        for number in range(COUNT)
    ]
    return json.dumps([*items, {"odd": True}]).encode()


async def post(url, body, *, killed=None):
    """Delivers the list as SendGrid does; gives the status, or None where the server has died."""
    signed = scheme("sendgrid", secrets=[PRIVATE_KEY]).sign(
        body, now=time.time(), event_id="", event_type=""
    )
    headers = [("Host", "shop"), ("Content-Length", str(len(body))), *signed]
    lines = "".join(f"{name}: {value}\r\n" for name, value in headers)
    place = urlsplit(url)
    reader, writer = await asyncio.open_connection(place.hostname, place.port)
    writer.write(f"POST /webhooks/mail HTTP/1.1\r\n{lines}\r\n".encode() + body)
    try:
        if killed is not None:
            await killed()
        return int((await reader.readuntil(b"\r\n\r\n")).split()[1])
    except (OSError, asyncio.IncompleteReadError):
        return None
    finally:
        writer.close()
        with contextlib.suppress(OSError):
            await writer.wait_closed()


def count(folder, what):
    path = f"file:{folder}/shop.db?mode=ro"
    with contextlib.closing(sqlite3.connect(path, uri=True)) as connection:
        return connection.execute(f"select count(*) from {what}").fetchone()[0]


async def until(folder, what, least):
    deadline = time.monotonic() + PATIENCE
    while count(folder, what) < least:
        assert time.monotonic() < deadline, (folder / "log").read_text()[-4000:]
        await asyncio.sleep(0.005)


@pytest.mark.parametrize("dies", [False, True], ids=["lives", "is killed in between"])
def test_a_list_of_ten_thousand_events_is_acknowledged_and_each_handled_once(folder, dies):
    body = listed()
    assert 600_000 < len(body) < 1_000_000

    async def scenario():
        if dies:
            async with serving(folder) as (process, url):

                async def killed():
                    await until(folder, "hardpoint_event", EVENTS_AT_ONCE)
                    process.kill()

                assert await post(url, body, killed=killed) is None
            assert EVENTS_AT_ONCE <= count(folder, "hardpoint_event") < COUNT
        async with serving(folder) as (_, url):
            assert [await post(url, body) for _ in range(2)] == [200, 200]
            await until(folder, "handled", COUNT)
            await until(folder, "hardpoint_event where quarantine is not null", 1)
        assert count(folder, "hardpoint_event") == COUNT + 1
        assert count(folder, "handled where times = 1") == COUNT
        assert count(folder, "hardpoint_event where quarantine is not null") == 1

    asyncio.run(scenario())
