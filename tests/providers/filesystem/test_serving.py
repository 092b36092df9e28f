"""The server of signed URLs, mounted where `public_url` says."""

import asyncio
import logging
from urllib.parse import urlsplit

import httpx2
import pytest
from starlette.applications import Starlette
from starlette.routing import Mount

from hardpoint.core.errors import ConfigurationError, PreconditionFailedError
from hardpoint.providers.filesystem.calls import DirectCalls
from hardpoint.providers.filesystem.serving import FileServer

HOST = "https://shop.example"


class Clock:
    """At the time that a test says, or now."""

    def __init__(self):
        self.later = 0.0

    def now(self):
        import time

        return time.time() + self.later

    def monotonic(self):
        raise NotImplementedError


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def app(settings, clock):
    logging.getLogger("httpx2").setLevel(logging.WARNING)
    return FileServer(settings, clock=clock, body_bytes_max=600_000, calls=DirectCalls(settings))


@pytest.fixture
def send(app):
    """Sends a request to the application where it is mounted."""

    def one(method, url, **options):
        async def exchange():
            site = Starlette(routes=[Mount("/files", app=app)])
            transport = httpx2.ASGITransport(app=site)
            async with httpx2.AsyncClient(transport=transport) as client:
                return await client.request(method, url, **options)

        return asyncio.run(exchange())

    return one


def test_a_signed_url_gives_an_object(store, send):
    store.put("a b/ü.txt", b"hello", content_type="text/plain")
    answer = send("GET", store.sign_url("a b/ü.txt"))
    assert (answer.status_code, answer.content) == (200, b"hello")
    assert answer.headers["content-type"] == "text/plain"
    assert answer.headers["content-length"] == "5"
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert "sandbox" in answer.headers["content-security-policy"]
    head = send("HEAD", store.sign_url("a b/ü.txt"))
    assert (head.status_code, head.content, head.headers["content-length"]) == (200, b"", "5")


@pytest.mark.parametrize("size", [0, 1, 256 * 1024, 600_000])
def test_an_object_of_any_size_goes_both_ways(store, send, size):
    data = bytes(index % 251 for index in range(size))
    url = store.sign_url("a", method="PUT", content_type="image/png")
    answer = send("PUT", url, content=data, headers={"content-type": "image/png"})
    assert answer.status_code == 201
    found = store.get("a")
    assert (found.data, found.info.content_type) == (data, "image/png")
    assert send("GET", store.sign_url("a")).content == data


def test_a_signed_url_deletes(store, send):
    store.put("a", b"")
    assert send("DELETE", store.sign_url("a", method="DELETE")).status_code == 204
    assert not store.exists("a")


def test_a_url_ends(store, send, clock):
    store.put("a", b"")
    url = store.sign_url("a", expires=60)
    clock.later = 61
    assert send("GET", url).status_code == 403


@pytest.mark.parametrize(
    "change",
    [
        lambda url: url.replace("/a?", "/b?"),
        lambda url: url.partition("?")[0],
        lambda url: url.replace("method=GET", "method=PUT"),
        lambda url: url.replace("until=", "until=1"),
        lambda url: url[:-1] + ("0" if url[-1] != "0" else "1"),
        lambda url: url.replace("/a?", "/../a?"),
        lambda url: url.replace("/a?", "/%2e%2e/a?"),
        lambda url: url.replace("/a?", "/?"),
    ],
)
def test_what_a_url_does_not_allow_is_one_answer(store, send, change):
    store.put("a", b"private")
    store.put("b", b"private")
    answer = send("GET", change(store.sign_url("a")))
    assert answer.status_code in {403, 404}
    assert b"private" not in answer.content


def test_a_url_is_of_one_method(store, send):
    store.put("a", b"private")
    for method in ("PUT", "DELETE", "POST"):
        assert send(method, store.sign_url("a")).status_code == 403
    assert store.get("a").data == b"private"


def test_what_is_not_there_is_told_to_who_may_know(store, send):
    assert send("GET", store.sign_url("a")).status_code == 404


def test_a_type_that_was_signed_must_be_sent(store, send):
    url = store.sign_url("a", method="PUT", content_type="image/png")
    answer = send("PUT", url, content=b"<script>", headers={"content-type": "text/html"})
    assert answer.status_code == 400
    assert not store.exists("a")


def test_a_key_in_the_place_of_a_folder_is_in_conflict(store, send):
    store.put("a", b"")
    assert send("PUT", store.sign_url("a/b", method="PUT"), content=b"").status_code == 409


def test_what_is_ours_is_neither_served_nor_taken(root, app, settings):
    from hardpoint.providers.filesystem.signing import UrlSigner

    url = UrlSigner.of(settings).url(
        ".hardpoint/lock", method="GET", until=2**40, content_type=None
    )
    assert [one["status"] for one in exchange(app, "GET", url) if "status" in one] == [400]


def parts(root):
    return list((root / ".hardpoint" / "parts").iterdir())


def test_more_than_is_taken_is_refused(root, store, send):
    url = store.sign_url("a", method="PUT")
    assert send("PUT", url, content=bytes(600_001)).status_code == 413

    async def chunks():
        for _ in range(7):
            yield bytes(100_000)

    assert send("PUT", url, content=chunks()).status_code == 413
    assert not store.exists("a")
    assert parts(root) == []


def exchange(app, method, url, *messages, root_path=""):
    """One request without a client between, and what the application sent."""
    split = urlsplit(url)
    scope = {
        "type": "http",
        "method": method,
        "path": split.path.removeprefix("/files"),
        "root_path": root_path,
        "query_string": split.query.encode(),
        "headers": [],
    }
    waiting, sent = list(messages), []

    async def receive():
        return waiting.pop(0)

    async def send(message):
        sent.append(message)

    asyncio.run(app(scope, receive, send))
    return sent


def test_a_client_that_goes_away_leaves_nothing(app, root, store):
    url = store.sign_url("a", method="PUT")
    chunk = {"type": "http.request", "body": bytes(300_000), "more_body": True}
    assert exchange(app, "PUT", url, chunk, {"type": "http.disconnect"}) == []
    assert not store.exists("a")
    assert parts(root) == []


def test_an_object_that_is_replaced_underway_breaks_off(app, store):
    store.put("a", bytes(600_000))
    url = store.sign_url("a")
    real = app._driver.read

    async def read(key, *, start, **options):
        if start:
            store_again()
        return await real(key, start=start, **options)

    def store_again():
        app._driver.read = real
        folder = app._driver._calls._folder
        from hardpoint.storage.types import NewObject

        folder.put(NewObject(key="a", content_type="text/plain"), "part", b"new")

    app._driver.read = read
    with pytest.raises(PreconditionFailedError):
        exchange(app, "GET", url)


def test_it_opens_and_closes_with_the_application_around_it(app):
    sent = []

    async def receive():
        return {}

    async def send(message):
        sent.append(message["type"])

    asyncio.run(app({"type": "lifespan"}, receive, send))
    assert sent == ["lifespan.startup.complete", "lifespan.shutdown.complete"]


def test_a_socket_is_not_served(app):
    with pytest.raises(ConfigurationError):
        asyncio.run(app({"type": "websocket"}, None, None))


def test_in_an_event_loop_the_disk_is_left_to_threads(settings, store):
    store.put("a", b"hello")
    sent = exchange(FileServer(settings), "GET", store.sign_url("a"))
    assert sent[1]["body"] == b"hello"
