import asyncio
import contextlib
import socket

import pytest

from hardpoint.core.errors import (
    ConfigurationError,
    InvalidRequestError,
    OutcomeUnknownError,
    UnavailableError,
)
from hardpoint.http.transport import Transport, checked_url


@contextlib.asynccontextmanager
async def served(*answers):
    """A server that gives these raw answers, one a connection, and keeps what it was sent."""
    requests, left = [], list(answers)

    async def serve(reader, writer):
        try:
            head = await reader.readuntil(b"\r\n\r\n")
            length = int(head.lower().split(b"content-length: ")[1].split(b"\r\n")[0])
            requests.append(head + await reader.readexactly(length))
            answer = left.pop(0) if len(left) > 1 else left[0]
            if callable(answer):
                await answer(writer)
            else:
                writer.write(answer)
                await writer.drain()
        finally:
            writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    try:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/hook", requests
    finally:
        server.close()


def answer(status=200, headers=(), body=b"ok"):
    lines = [b"HTTP/1.1 %d X" % status, b"content-length: %d" % len(body), *headers]
    return b"\r\n".join([*lines, b"", body])


def post(*answers, headers=(), body=b"{}", **options):
    async def scenario():
        async with served(*answers) as (url, requests), Transport(**options) as transport:
            return await transport.post(url, headers, body), requests

    return asyncio.run(scenario())


def test_body_and_headers_travel_as_they_are():
    body = bytes(range(256))
    response, (request,) = post(
        answer(202, [b"X-Answer: yes"], b"thanks"),
        headers=[(b"x-name", b"caf\xe9"), (b"user-agent", b"vendor/1")],
        body=body,
    )

    assert (response.status, response.body) == (202, b"thanks")
    assert response.headers["x-answer"] == "yes"
    assert request.endswith(b"\r\n\r\n" + body)
    assert b"x-name: caf\xe9\r\n" in request
    assert b"user-agent: vendor/1\r\n" in request.lower()


def test_a_redirect_is_an_answer_and_is_not_followed():
    response, requests = post(answer(307, [b"location: http://127.0.0.1:1/metadata"]))

    assert response.status == 307
    assert len(requests) == 1


def test_a_cookie_is_not_kept():
    async def scenario():
        async with served(answer(200, [b"set-cookie: a=b"])) as (url, requests):
            async with Transport() as transport:
                await transport.post(url, [], b"1")
                await transport.post(url, [], b"2")
            return requests

    assert all(b"cookie" not in request.lower() for request in asyncio.run(scenario()))


def test_a_proxy_of_the_environment_is_not_used(monkeypatch):
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    monkeypatch.setenv("ALL_PROXY", "http://127.0.0.1:1")

    assert post(answer())[0].status == 200


def test_an_answer_is_read_up_to_the_cap():
    response, _ = post(answer(body=b"x" * 100_000), body_bytes_max=1000)

    assert response.body == b"x" * 1000


def test_no_connection_means_that_nothing_was_sent():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]

    async def scenario():
        async with Transport() as transport:
            await transport.post(f"http://127.0.0.1:{port}/", [], b"")

    with pytest.raises(UnavailableError, match="ConnectError") as caught:
        asyncio.run(scenario())
    assert caught.value.outcome_known


async def hang_up(writer):
    writer.close()


async def say_nothing(writer):
    await asyncio.sleep(5)


@pytest.mark.parametrize(("misbehave", "name"), [(hang_up, "Protocol"), (say_nothing, "Timeout")])
def test_no_answer_means_that_it_may_have_happened(misbehave, name):
    with pytest.raises(OutcomeUnknownError, match=name) as caught:
        post(misbehave, timeout=0.1)
    assert not caught.value.outcome_known


def test_a_header_that_http_does_not_have_is_not_sent():
    with pytest.raises(InvalidRequestError, match="not sent"):
        post(answer(), headers=[(b"x-bad", b"a\r\nx-injected: 1")])


def test_a_transport_may_be_used_again_after_it_was_closed_and_closed_unused():
    async def scenario():
        transport = Transport()
        await transport.close()
        async with served(answer()) as (url, _):
            first = await transport.post(url, [], b"")
            await transport.close()
            second = await transport.post(url, [], b"")
            await transport.close()
        return first.status, second.status

    assert asyncio.run(scenario()) == (200, 200)


@pytest.mark.parametrize(
    "url",
    [
        "https://shop.example/hooks?tenant=1",
        "https://shop.example:8443/",
        "http://127.0.0.1:9000/stripe",
        "http://localhost/x",
        "http://[::1]:9000/x",
    ],
)
def test_https_and_loopback_are_fit_to_send_to(url):
    assert checked_url(url, key="k") is url


@pytest.mark.parametrize(
    ("url", "problem"),
    [
        ("http://shop.example/x", "not https"),
        ("http://127.0.0.1.shop.example/x", "not https"),
        ("https://user:word@shop.example/", "credentials"),
        ("http://127.0.0.1@shop.example/", "credentials"),
        ("ftp://shop.example/x", "not an http"),
        ("https:///path", "not an http"),
        ("/relative", "not an http"),
        ("", "not an http"),
        ("https://shop.example:port/", "not a URL"),
        ("https://[::1/", "not a URL"),
        ("https://shop.example/a b", "not a URL"),
        ("https://shop.exam\nple/", "not a URL"),
        ("https://shöp.example/", "not a URL"),
    ],
)
def test_any_other_url_is_refused_without_being_repeated(url, problem):
    with pytest.raises(ConfigurationError, match=problem) as caught:
        checked_url(url, key="webhooks.billing.forward.url")

    assert caught.value.key == "webhooks.billing.forward.url"
    assert "shop" not in str(caught.value)
