"""`hub.reply` by every way in: mounted, served, by WSGI, and in a process that owns no store."""

import asyncio
import functools
import io
import json
import threading
import time
from urllib.parse import urlencode

import httpx2
import pytest
from starlette.applications import Starlette
from starlette.routing import Mount

from hardpoint.core.errors import ConfigurationError
from hardpoint.hub.hub import Hub
from hardpoint.runtime.clocks import SystemClock
from hardpoint.service.guard import IngressGuard, IngressLimits
from hardpoint.service.listener import ListeningSocket, application
from hardpoint.service.protocol import InboxProtocol
from hardpoint.service.sockets import bind
from hardpoint.store.guests import Rank
from hardpoint.sync import Hub as BlockingHub
from hardpoint.webhooks import ReplyFailed, scheme

SECRET = "8f742231b10e8888abcd99yyyzzz85a5"
TWILIO = {"secrets": ["12345"], "url": "https://shop.example/webhooks/calls"}
CONFIGURATION = """
public_url = "https://shop.example"
[store]
url = "sqlite:events.db"
[webhooks.slack]
provider = "slack"
secrets = ["env:HOOK"]
[webhooks.calls]
provider = "twilio"
secrets = ["env:TOKEN"]
"""


@pytest.fixture
def file(tmp_path, monkeypatch):
    monkeypatch.setenv("HOOK", SECRET)
    monkeypatch.setenv("TOKEN", TWILIO["secrets"][0])
    file = tmp_path / "hardpoint.toml"
    file.write_text(CONFIGURATION)
    return file


def command(text, trigger="1.2"):
    """A Slack command, signed: its body and headers."""
    body = urlencode({"command": "/deploy", "text": text, "trigger_id": trigger}).encode()
    one = scheme("slack", secrets=[SECRET])
    signed = one.sign(body, now=time.time(), event_id="", event_type="")
    return body, {**dict(signed), "content-type": "application/x-www-form-urlencoded"}


def greet(event):
    return {"text": f"Hello {event.type}"}


HELLO = {"text": "Hello command.deploy"}


def load(file, kind=Hub, **options):
    hub = kind.load(file, **options)
    hub.reply("slack", "command.*")(greet)
    return hub


async def post(client, path="/webhooks/slack", trigger="1.2"):
    body, headers = command("v7", trigger)
    return await client.post(path, content=body, headers=headers)


def test_mounted_in_an_application(file):
    async def scenario():
        hub = load(file)
        app = Starlette(routes=[Mount("/hooks", hub.asgi())])
        transport = httpx2.ASGITransport(app)
        async with httpx2.AsyncClient(transport=transport, base_url="http://shop") as client:
            first = await post(client, "/hooks/slack")
            again = await post(client, "/hooks/slack")
        await hub.stop()
        return first, again

    first, again = asyncio.run(scenario())
    assert (first.status_code, first.json()) == (200, HELLO)
    assert first.headers["content-type"] == "application/json"
    assert (again.status_code, again.content) == (200, b"")


def test_served_by_our_own_listener(file):
    async def scenario():
        hub = load(file)
        hub.reply("slack", "command.deploy")(lambda event: event.vendor_id)
        guard = IngressGuard(IngressLimits(), SystemClock(), refused=hub.receiver.refused)
        connect = functools.partial(InboxProtocol, hub.receiver, guard, application(hub.asgi()))
        listener = ListeningSocket(bind("127.0.0.1", 0, key="port"), guard, connect)
        async with hub:
            await listener.start()
            async with httpx2.AsyncClient(base_url=listener.url) as client:
                answers = [await post(client, trigger=f"1.{number}") for number in range(100)]
            await listener.drain(soft=0, limit=20)
        return answers, guard

    answers, guard = asyncio.run(scenario())
    assert [answer.text for answer in answers] == [f"1.{number}" for number in range(100)]
    assert len(guard._wires[False]) < 100, "replies are as many as requests: they are not kept"


@pytest.fixture
def owner(file):
    """What `hardpoint work` is, in a thread: it owns the store, and knows nothing of the reply."""
    hub, handled, loop = Hub.load(file), [], asyncio.new_event_loop()

    @hub.on("slack")
    async def handle(event, job):
        handled.append(event.type)

    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    start = hub.life.start(wait=False, rank=Rank.SERVER)
    asyncio.run_coroutine_threadsafe(start, loop).result(20)
    yield handled
    asyncio.run_coroutine_threadsafe(hub.stop(), loop).result(20)
    loop.call_soon_threadsafe(loop.stop)
    thread.join()
    loop.close()


def by_wsgi(inbox, trigger="1.2"):
    body, headers = command("v7", trigger)
    environ = {
        "REQUEST_METHOD": "POST",
        "PATH_INFO": "/webhooks/slack",
        "CONTENT_TYPE": headers.pop("content-type"),
        "CONTENT_LENGTH": str(len(body)),
        "wsgi.input": io.BytesIO(body),
        **{f"HTTP_{name.upper().replace('-', '_')}": value for name, value in headers.items()},
    }
    return inbox.answer(environ)


@pytest.mark.parametrize("kind", [Hub, BlockingHub])
def test_by_wsgi_in_a_process_that_owns_no_store(file, owner, kind):
    hub = kind.load(file)
    inbox = hub.wsgi()
    hub.reply("slack", "command.*")(greet)
    answer = by_wsgi(inbox)
    assert (answer.status, json.loads(answer.body)) == (200, HELLO)
    assert by_wsgi(inbox).body == b"", "a repeat hears the default"
    deadline = time.monotonic() + 20
    while not owner:
        assert time.monotonic() < deadline
        time.sleep(0.002)
    inbox.close()
    assert owner == ["command.deploy"]


def test_one_that_is_late_by_wsgi_gives_the_default(file, owner, monkeypatch):
    monkeypatch.setattr("hardpoint.webhooks.inbox.REPLY_SECONDS", 0.05)
    told, go_on = [], threading.Event()
    hub = BlockingHub.load(file, listeners=[told.append])
    hub.reply("slack", "*")(lambda event: go_on.wait(20) and "late")
    inbox = hub.wsgi()
    assert by_wsgi(inbox).body == b""
    go_on.set()
    inbox.close()
    assert [one.reason for one in told if isinstance(one, ReplyFailed)] == ["late"]


def test_a_call_asks_again_at_an_address_of_its_own(file):
    """What Twilio asks is signed with its query: each step of a call is an event of its own."""
    form = urlencode({"CallSid": "CA1", "CallStatus": "in-progress", "AccountSid": "AC1"}).encode()

    async def scenario():
        hub = Hub.load(file)
        hub.reply("calls", "call.*")(lambda event: "one moment")
        async with hub:
            transport = httpx2.ASGITransport(hub.asgi())
            async with httpx2.AsyncClient(transport=transport, base_url="http://x") as client:
                for query in ("", "?step=2", "?step=3", "?step=2"):
                    own = scheme("twilio", **{**TWILIO, "url": TWILIO["url"] + query})
                    signed = dict(own.sign(form, now=0, event_id=query, event_type=""))
                    path = f"/webhooks/calls{query}"
                    answer = await client.post(path, content=form, headers=signed)
                    yield answer.status_code, answer.text, answer.headers["content-type"]

    async def collect():
        return [one async for one in scenario()]

    answers = asyncio.run(collect())
    said = (200, "one moment", "text/plain; charset=utf-8")
    assert answers == [said, said, said, (200, "<Response/>", "text/xml; charset=utf-8")]


def test_a_source_that_is_not_configured_is_refused(file):
    with pytest.raises(ConfigurationError, match="Configured sources: calls, slack"):
        Hub.load(file).reply("shop", "*")


def test_a_reload_keeps_a_source_that_somebody_replies_to(file):
    async def scenario():
        async with load(file) as hub:
            file.write_text(CONFIGURATION.replace("webhooks.slack", "webhooks.other"))
            with pytest.raises(ConfigurationError, match=r"webhooks\.slack: is gone.*a reply"):
                await hub.reload()

    asyncio.run(scenario())
