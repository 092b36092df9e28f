"""A policy around the clients that people use: refused, reset and silent connections.

By default only what proves that nothing was sent is repeated; where a repetition does no harm, all
of it is; a call that changes something and got no answer is in doubt.
"""

import asyncio
import contextlib
import socket
import threading

import aiohttp
import httpx
import httpx2
import pytest
import requests
from botocore.awsrequest import AWSRequest
from botocore.httpsession import URLLib3Session
from tests.http.conftest import authority as authority  # noqa: PLC0414 - a fixture

from hardpoint import Breaker, OutcomeUnknownError, Policy, Retry

SILENCE = 0.1
CONNECT = 20.0
"""A busy machine may take its time; that is none of the troubles here."""


class Peer:
    """A server that reads a request and answers nothing, or as it is told."""

    def __init__(self, answer=None, *, reset=False, tls=None):
        self.answer, self.reset, self.tls, self.requests = answer, reset, tls, 0
        self.listener = socket.create_server(("127.0.0.1", 0))
        scheme = "https" if tls else "http"
        self.url = f"{scheme}://127.0.0.1:{self.listener.getsockname()[1]}/"
        self.open = []
        threading.Thread(target=self.serve, daemon=True).start()

    def serve(self):
        while True:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            if self.tls:
                with contextlib.suppress(OSError):  # its certificate is believed by nobody
                    self.tls.wrap_socket(connection, server_side=True)
                continue
            connection.recv(65536)
            self.requests += 1
            if self.answer is not None:
                connection.sendall(self.answer)
            if self.answer is not None or self.reset:
                connection.close()
            else:
                self.open.append(connection)

    def close(self):
        self.listener.close()
        for connection in self.open:
            connection.close()


def closed_url():
    with socket.create_server(("127.0.0.1", 0)) as server:
        return f"http://127.0.0.1:{server.getsockname()[1]}/"


def by_httpx2(method, url):
    with httpx2.Client(timeout=httpx2.Timeout(CONNECT, read=SILENCE), trust_env=False) as client:
        client.request(method, url).raise_for_status()


def by_httpx(method, url):
    with httpx.Client(timeout=httpx.Timeout(CONNECT, read=SILENCE), trust_env=False) as client:
        client.request(method, url).raise_for_status()


def by_requests(method, url):
    with requests.Session() as session:
        session.trust_env = False
        session.request(method, url, timeout=(CONNECT, SILENCE)).raise_for_status()


def by_botocore(method, url):
    URLLib3Session(timeout=(CONNECT, SILENCE)).send(AWSRequest(method, url).prepare())


async def by_aiohttp(method, url):
    timeout = aiohttp.ClientTimeout(sock_connect=CONNECT, sock_read=SILENCE)
    async with (
        aiohttp.ClientSession(timeout=timeout) as session,
        session.request(method, url) as answer,
    ):
        answer.raise_for_status()


async def by_async_httpx2(method, url):
    async with httpx2.AsyncClient(
        timeout=httpx2.Timeout(CONNECT, read=SILENCE), trust_env=False
    ) as client:
        (await client.request(method, url)).raise_for_status()


CLIENTS = [by_httpx2, by_httpx, by_requests, by_botocore, by_aiohttp, by_async_httpx2]


@pytest.fixture(params=CLIENTS, ids=lambda client: client.__name__)
def ask(request):
    """Asks under a policy, and counts the attempts."""

    def one(policy, method, url):
        attempts = 0
        client = request.param

        if asyncio.iscoroutinefunction(client):

            async def counted():
                nonlocal attempts
                attempts += 1
                await client(method, url)

            async def scenario():
                await policy.call(counted)

            run = lambda: asyncio.run(scenario())  # noqa: E731
        else:

            def counted():
                nonlocal attempts
                attempts += 1
                client(method, url)

            run = lambda: policy.call(counted)  # noqa: E731
        try:
            run()
        except Exception as error:
            return attempts, error
        return attempts, None

    return one


UNSENT = ("refused", "distrusted")
"""What is met before anything is sent."""
TROUBLES = (*UNSENT, "reset", "silent", "nonsense")


@pytest.fixture(params=TROUBLES)
def trouble(request, authority):
    """(its name, where it is met)"""
    if request.param == "refused":
        yield request.param, closed_url()
        return
    tls = authority.serving() if request.param == "distrusted" else None
    answer = b"nonsense\r\n\r\n" if request.param == "nonsense" else None
    peer = Peer(answer, reset=request.param == "reset", tls=tls)
    yield request.param, peer.url
    peer.close()


def policy(**options):
    return Policy("crm", retry=Retry(3, backoff=0), deadline=30, **options)


def test_by_default_only_what_was_never_sent_is_tried_again(ask, trouble):
    name, url = trouble
    attempts, error = ask(policy(), "GET", url)
    assert attempts == (3 if name in UNSENT else 1)
    assert error is not None


@pytest.mark.parametrize("options", [{"idempotent": True}, {"repeat": "safe"}])
def test_where_a_repetition_does_no_harm_all_of_it_is_tried_again(ask, trouble, options):
    attempts, _ = ask(policy(**options), "GET", trouble[1])
    assert attempts == 3


def test_what_is_transient_is_tried_again(ask, trouble):
    transient = Policy("crm", retry=Retry(3, on="transient", backoff=0), deadline=30)
    assert ask(transient, "GET", trouble[1])[0] == 3


def test_a_change_without_an_answer_is_in_doubt_and_one_that_was_not_sent_is_none(ask, trouble):
    name, url = trouble
    attempts, error = ask(policy(repeat="needs_key"), "POST", url)
    assert isinstance(error, OutcomeUnknownError) is (name not in UNSENT)
    assert attempts == (3 if name in UNSENT else 1)


def test_answers_never_open_a_breaker(ask):
    peer = Peer(b"HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\nconnection: close\r\n\r\n")
    crm = Policy("crm", breaker=Breaker(failures=5), deadline=30)
    for _ in range(5):
        assert ask(crm, "GET", peer.url)[0] == 1
    assert crm.breaker.state.value == "closed"
    peer.close()


def test_what_is_no_answer_opens_a_breaker(ask):
    peer = Peer(b"nonsense\r\n\r\n")
    crm = Policy("crm", breaker=Breaker(failures=3), deadline=30)
    for _ in range(3):
        ask(crm, "GET", peer.url)
    assert crm.breaker.state.value == "open"
    peer.close()


def test_a_result_that_is_judged_by_its_status_is_not_sent_again_without_a_key():
    peer = Peer(b"HTTP/1.1 503 Busy\r\ncontent-length: 0\r\nconnection: close\r\n\r\n")
    retry = Retry(4, on_result=lambda answer: answer.status_code == 503, backoff=0)
    for repeat, requests_made in (("needs_key", 1), ("idempotent", 4)):
        peer.requests = 0
        crm = Policy("crm", retry=retry, repeat=repeat, deadline=30)
        assert crm.call(requests.post, peer.url, timeout=5).status_code == 503
        assert peer.requests == requests_made
    peer.close()
