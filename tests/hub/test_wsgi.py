"""The inbox as a WSGI application, called as a server of threads calls it."""

import asyncio
import contextlib
import gc
import io
import os
import threading
import time
import weakref
from concurrent.futures import ThreadPoolExecutor
from wsgiref.validate import validator

import pytest

from hardpoint.core.errors import MisuseError
from hardpoint.hub import wsgi
from hardpoint.hub.events import DoorFailed
from hardpoint.hub.hub import Hub
from hardpoint.store.guests import Rank
from hardpoint.sync import Hub as BlockingHub
from hardpoint.webhooks.verification import scheme

CONFIGURATION = """
[store]
url = "sqlite:events.db"
[webhooks.shop]
provider = "stripe"
secrets = ["env:HOOK"]
body_bytes_max = 100000
"""


@pytest.fixture
def file(tmp_path, monkeypatch):
    monkeypatch.setenv("HOOK", "whsec_one")
    file = tmp_path / "hardpoint.toml"
    file.write_text(CONFIGURATION)
    return file


@pytest.fixture
def told():
    return []


@pytest.fixture
def inbox(file, told):
    """Of a process that receives."""
    hub = Hub.load(file, listeners=[told.append])
    hub.shared._patience = 0.2
    inbox = hub.wsgi()
    yield inbox
    inbox.close()


@pytest.fixture
def worker(file):
    """What `hardpoint work` is, in a thread: gives the names of the events that it has handled."""
    hub, handled, loop = Hub.load(file), [], asyncio.new_event_loop()

    @hub.on("shop")
    async def handle(event, job):
        handled.append(event.vendor_id)

    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    start = hub.life.start(wait=False, rank=Rank.SERVER)
    asyncio.run_coroutine_threadsafe(start, loop).result(20)
    yield handled
    asyncio.run_coroutine_threadsafe(hub.stop(), loop).result(20)
    loop.call_soon_threadsafe(loop.stop)
    thread.join()
    loop.close()


def event(name):
    body = b'{"id": "%b", "type": "paid"}' % name.encode()
    signed = scheme("stripe", secrets=["whsec_one"]).sign(
        body, now=time.time(), event_id=name, event_type="paid"
    )
    return body, {f"HTTP_{name.upper().replace('-', '_')}": value for name, value in signed}


class Stream:
    """A body that comes in pieces; after the last it ends, or fails."""

    def __init__(self, *pieces, error=None):
        self.pieces, self.error = list(pieces), error

    def read(self, size=-1):
        if not self.pieces and self.error is not None:
            raise self.error
        return self.pieces.pop(0) if self.pieces else b""


def environ_of(body, path="/webhooks/shop", method="POST", **changes):
    return {
        "REQUEST_METHOD": method,
        "SCRIPT_NAME": "",
        "PATH_INFO": path,
        "QUERY_STRING": "",
        "SERVER_NAME": "shop.example",
        "SERVER_PORT": "80",
        "SERVER_PROTOCOL": "HTTP/1.1",
        "CONTENT_TYPE": "application/json",
        "CONTENT_LENGTH": str(len(body)),
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": "http",
        "wsgi.input": io.BytesIO(body),
        "wsgi.errors": io.StringIO(),
        "wsgi.multithread": True,
        "wsgi.multiprocess": True,
        "wsgi.run_once": False,
        **changes,
    }


def call(app, environ):
    """Status, headers and body, as a server would send them."""
    heard = []
    parts = app(environ, lambda status, headers: heard.append((status, dict(headers))))
    body = b"".join(parts)
    if hasattr(parts, "close"):
        parts.close()
    ((status, headers),) = heard
    return status, headers, body


def deliver(app, name, **changes):
    body, headers = event(name)
    return app.answer(environ_of(body, **headers, **changes)).status


def eventually(holds):
    deadline = time.monotonic() + 30
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.002)


def test_what_it_receives_is_stored_and_handled_by_the_process_that_works(inbox, worker):
    body, headers = event("evt_1")
    told = call(validator(inbox), environ_of(body, **headers))
    assert told[0] == "200 OK"
    assert len(told[1].pop("x-request-id")) == 36
    assert told[1] == {"content-type": "application/json", "content-length": "19"}
    assert told[2] == b'{"status":"stored"}'
    eventually(lambda: worker == ["evt_1"])


def test_threads_may_share_it(inbox, worker):
    with ThreadPoolExecutor(8) as threads:
        answers = list(threads.map(lambda number: deliver(inbox, f"evt_{number}"), range(40)))
    assert answers == [200] * 40
    eventually(lambda: len(worker) == 40)


def test_the_blocking_hub_has_one_too(file, worker):
    inbox = BlockingHub.load(file).wsgi()
    assert deliver(inbox, "evt_1") == 200
    eventually(lambda: worker == ["evt_1"])
    inbox.close()


def test_under_a_mount_the_rest_of_the_path_names_the_source(inbox, worker):
    assert deliver(inbox, "evt_1", SCRIPT_NAME="/webhooks", path="/shop") == 200
    assert deliver(inbox, "evt_2", SCRIPT_NAME="/hooks", path="/shop/") == 200


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/healthz", 200),
        ("HEAD", "/healthz", 200),
        ("GET", "/webhooks/shop", 405),
        ("POST", "/elsewhere", 404),
        ("POST", "/webhooks/unknown", 401),
        ("POST", "/webhooks/sh\xc3\xb6p", 401),
    ],
)
def test_it_answers_as_the_asgi_application_does(inbox, worker, method, path, status):
    told = call(validator(inbox), environ_of(b"", path, method))
    assert int(told[0].split()[0]) == status
    assert bool(told[2]) is (method != "HEAD")


def test_headers_are_bounded(inbox):
    many = {f"HTTP_X_{number}": "y" for number in range(200)}
    assert inbox.answer(environ_of(b"", **many)).status == 431
    assert inbox.answer(environ_of(b"", HTTP_X="y" * 40_000)).status == 431


# Bodies


def test_a_body_is_taken_in_pieces_and_to_its_length_only(inbox, worker):
    body, headers = event("evt_1")
    rest = Stream(body[:5], body[5:], error=AssertionError("read beyond the body"))
    changes = {"CONTENT_LENGTH": str(len(body)), "wsgi.input": rest}
    assert inbox.answer(environ_of(b"", **headers, **changes)).status == 200
    ended = {"CONTENT_LENGTH": "", "wsgi.input": Stream(body), "wsgi.input_terminated": True}
    assert inbox.answer(environ_of(b"", **headers, **ended)).status == 200
    for none_that_counts in ("", "\xb2"):
        without = {"CONTENT_LENGTH": none_that_counts, "wsgi.input": Stream(body)}
        assert inbox.answer(environ_of(b"", **headers, **without)).status == 401


def test_a_body_that_is_too_large_is_refused_declared_or_not(inbox, worker):
    cap = Hub.load(inbox._hub.settings.path).receiver.body_bytes_max
    huge = {"CONTENT_LENGTH": str(cap + 1), "wsgi.input": Stream(error=AssertionError("read"))}
    assert inbox.answer(environ_of(b"", **huge)).status == 413
    pieces = [b"x" * 60_000] * (cap // 60_000 + 1)
    chunked = {"CONTENT_LENGTH": "", "wsgi.input": Stream(*pieces), "wsgi.input_terminated": True}
    assert inbox.answer(environ_of(b"", **chunked)).status == 413


@pytest.mark.parametrize("error", [None, OSError("reset by peer")])
def test_a_client_that_leaves_in_the_middle_has_nothing_stored(inbox, worker, error):
    body, headers = event("evt_1")
    cut = {"CONTENT_LENGTH": str(len(body)), "wsgi.input": Stream(body[:5], error=error)}
    assert inbox.answer(environ_of(b"", **headers, **cut)).status == 503
    assert worker == []


def test_bodies_under_way_together_are_bounded_and_the_oldest_gives_way(inbox, worker, monkeypatch):
    inbox._bodies._most = 150_000
    begun, go_on = threading.Event(), threading.Event()

    class Slow(Stream):
        def read(self, size=-1):
            if len(self.pieces) == 1:
                begun.set()
                assert go_on.wait(20)
            return super().read(size)

    slow = {"CONTENT_LENGTH": "100000", "wsgi.input": Slow(b"x" * 60_000, b"x" * 40_000)}
    with ThreadPoolExecutor(1) as thread:
        first = thread.submit(inbox.answer, environ_of(b"", **slow))
        assert begun.wait(20)
        assert inbox.answer(environ_of(b"y" * 100_000)).status == 401
        go_on.set()
        assert first.result(20).status == 503
    inbox._bodies._most = 100
    assert inbox.answer(environ_of(b"y" * 100)).status == 401
    inbox._bodies.used = 1_000
    inbox._bodies._coming = {}
    with contextlib.suppress(StopIteration):
        assert inbox.answer(environ_of(b"y" * 100)).status == 503


# When it cannot


def test_without_an_owner_it_says_what_is_missing_until_there_is_one(inbox, file, told):
    assert deliver(inbox, "evt_1") == 503
    assert "hardpoint work MODULE:HUB" in str(inbox._hub.waiting)
    body, headers = event("evt_1")
    status, told, _ = call(inbox, environ_of(body, **headers))
    assert status == "503 Service Unavailable"
    assert told["retry-after"]
    assert not file.with_name("events.db").exists()


def test_a_start_that_fails_is_told_once_and_tried_again(inbox, worker, told, monkeypatch):
    real = inbox._hub.life.start

    async def fail(**_):
        raise ValueError("no")

    monkeypatch.setattr(inbox._hub.life, "start", fail)
    assert [deliver(inbox, "evt_1"), deliver(inbox, "evt_1")] == [503, 503]
    assert [one.doing for one in told if isinstance(one, DoorFailed)] == ["start"]
    monkeypatch.setattr(inbox._hub.life, "start", real)
    assert deliver(inbox, "evt_1") == 200


def test_what_hangs_or_was_stopped_is_told_to_come_again(inbox, worker, monkeypatch):
    assert deliver(inbox, "evt_1") == 200
    monkeypatch.setattr("hardpoint.hub.wsgi.ANSWER_SECONDS", 0.05)
    answers = []
    monkeypatch.setattr(inbox._receiver, "submit", lambda *args: answers.append(args[-1]))
    assert deliver(inbox, "evt_2") == 503
    home = asyncio.new_event_loop()
    home.close()
    monkeypatch.setattr(type(inbox._hub.life), "home", home)
    assert deliver(inbox, "evt_3") == 503
    assert inbox.answer(environ_of(b"", CONTENT_LENGTH=str(1 << 40))).status == 413


def test_it_refuses_to_block_the_loop_it_waits_for(inbox):
    async def scenario():
        async with inbox._hub:
            with pytest.raises(MisuseError, match="mount hub"):
                deliver(inbox, "evt_1")
            assert await asyncio.to_thread(deliver, inbox, "evt_1") == 200

    asyncio.run(scenario())


def test_at_the_end_of_the_process_it_takes_leave(inbox, worker):
    assert deliver(inbox, "evt_1") == 200
    wsgi._close(weakref.ref(inbox))
    assert not inbox._hub.shared.started
    assert deliver(inbox, "evt_2") == 200  # should it go on, it is started anew
    gone = Hub.load(inbox._hub.settings.path).wsgi()
    left = weakref.ref(gone)
    del gone
    gc.collect()
    assert left() is None
    wsgi._close(left)


def test_a_forked_child_begins_anew(inbox, worker):
    assert deliver(inbox, "evt_1") == 200
    if (child := os.fork()) == 0:
        os._exit(0 if deliver(inbox, "evt_2") == 200 else 1)
    assert os.waitpid(child, 0)[1] == 0
    assert deliver(inbox, "evt_3") == 200
    eventually(lambda: sorted(worker) == ["evt_1", "evt_2", "evt_3"])


def test_a_handshake_is_answered_as_its_source_says(file, worker):
    with file.open("a") as settings:
        settings.write(
            '[webhooks.files]\nprovider = "hmac"\nheader = "X-Sig"\nsecrets = ["env:HOOK"]\n'
            'handshake = { query = "challenge" }\n'
        )
    inbox = Hub.load(file).wsgi()
    asked = environ_of(b"", "/webhooks/files", "GET", QUERY_STRING="challenge=abc")
    answer = inbox.answer(asked)
    assert (answer.status, answer.body) == (200, b"abc")
    assert inbox.answer(environ_of(b"", "/webhooks/files", "GET")).status == 405
    assert inbox.answer(environ_of(b"", "/webhooks/files", QUERY_STRING="challenge=a")).body == b"a"
    inbox.close()
