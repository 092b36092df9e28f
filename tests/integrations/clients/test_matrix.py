"""Every client that a policy goes under: exact counts of what is sent, and what comes out."""

import asyncio
import io
import logging
import pickle
import ssl
from types import SimpleNamespace

import aiohttp
import httpx
import httpx2
import pytest
import requests
from urllib3 import Timeout
from yarl import URL

from hardpoint import (
    AttemptTimeoutError,
    Breaker,
    CircuitOpenError,
    ConfigurationError,
    DeadlineExceededError,
    Hedge,
    OutcomeUnknownError,
    Policy,
    RateLimit,
    Retry,
    UnsupportedError,
    Verdict,
    reason_of,
)
from hardpoint.integrations import aiohttp as guarded_aiohttp
from hardpoint.integrations import httpx as guarded_httpx
from hardpoint.integrations import requests as guarded_requests
from hardpoint.webhooks.attempts import doubts_in

from .conftest import CUT, OK, RESET, SILENCE, answer

TRUST = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
"""Made once: to read the certificates costs more than all the rest of a test."""


class Sending:
    """Sends one request after another by a client under a policy, and gives (status, body)."""

    broken = (httpx.TransportError,)
    late = httpx.TimeoutException
    reads_within = True
    asynchronous = False

    def __init__(self, policy, **options):
        self.policy, self.options = policy, options

    def __call__(self, method, url, **request):
        if self.asynchronous:
            return asyncio.run(self.many_async([(method, url, request)]))[0]
        return self.many([(method, url, request)])[0]


class ByHttpx(Sending):
    library = httpx

    def many(self, calls):
        sending = self.library.HTTPTransport(verify=TRUST)
        transport = guarded_httpx.guarded(self.policy, sending, **self.options)
        with self.library.Client(transport=transport, timeout=30) as client:
            answers = [client.request(method, url, **rest) for method, url, rest in calls]
            return [(one.status_code, one.content) for one in answers]


class ByHttpx2(ByHttpx):
    library = httpx2
    broken = (httpx2.TransportError,)
    late = httpx2.TimeoutException


class ByAsyncHttpx(ByHttpx):
    asynchronous = True

    async def many_async(self, calls):
        sending = self.library.AsyncHTTPTransport(verify=TRUST)
        transport = guarded_httpx.guarded(self.policy, sending, **self.options)
        async with self.library.AsyncClient(transport=transport, timeout=30) as client:
            answers = [await client.request(method, url, **rest) for method, url, rest in calls]
            return [(one.status_code, one.content) for one in answers]


class ByAsyncHttpx2(ByAsyncHttpx):
    library = httpx2
    broken = (httpx2.TransportError,)
    late = httpx2.TimeoutException


class ByRequests(Sending):
    broken = (requests.ConnectionError, requests.exceptions.ChunkedEncodingError)
    late = requests.Timeout

    def many(self, calls):
        with requests.Session() as session:
            session.trust_env = False
            session.mount("http://", guarded_requests.GuardedAdapter(self.policy, **self.options))
            found = []
            for method, url, rest in calls:
                content = rest.pop("content", None)
                one = session.request(method, url, data=content, timeout=30, **rest)
                found.append((one.status_code, one.content))
            return found


class ByAiohttp(Sending):
    asynchronous = True
    broken = (aiohttp.ClientConnectionError, aiohttp.ClientPayloadError)
    late = aiohttp.ServerTimeoutError
    reads_within = False

    async def many_async(self, calls):
        middleware = guarded_aiohttp.guarded(self.policy, **self.options)
        async with aiohttp.ClientSession(middlewares=[middleware]) as session:
            found = []
            for method, url, rest in calls:
                content = rest.pop("content", None)
                async with session.request(method, url, data=content, **rest) as one:
                    found.append((one.status, await one.read()))
            return found


EVERY = [ByHttpx, ByHttpx2, ByAsyncHttpx, ByAsyncHttpx2, ByRequests, ByAiohttp]
KEY = {"Idempotency-Key": "order-7"}


@pytest.fixture(params=EVERY, ids=lambda one: one.__name__)
def client(request):
    return request.param


@pytest.mark.parametrize(
    "case",  # method, headers, what is told; what is sent, and the status handed over
    [
        ("GET", {}, [503, 503, OK], 3, 200),
        ("GET", {}, [RESET, OK], 2, 200),
        ("GET", {}, [503], 3, 503),
        ("GET", {}, [404], 1, 404),
        ("GET", {}, [401], 1, 401),
        ("PUT", {}, [RESET, 503, OK], 3, 200),
        ("DELETE", {}, [RESET, OK], 2, 200),
        ("POST", {}, [503, OK], 1, 503),
        ("POST", {}, [429, OK], 2, 200),
        ("PATCH", {}, [500, OK], 1, 500),
        ("POST", KEY, [503, 503, OK], 3, 200),
        ("POST", KEY, [RESET, OK], 2, 200),
        ("POST", KEY, [RESET, 503], 3, 503),
        ("POST", KEY, [402, OK], 1, 402),
        ("GET", {}, [answer(503, x_should_retry="false"), OK], 1, 503),
        ("POST", {}, [answer(409, x_should_retry="true"), OK], 2, 200),
        ("POST", {}, [answer(500, x_should_retry="true"), OK], 1, 500),
        ("GET", {}, [answer(503, x_should_retry="perhaps"), OK], 2, 200),
        ("GET", {}, [answer(503, retry_after_ms="1"), OK], 2, 200),
        ("GET", {}, [answer(503, retry_after_ms="soon"), OK], 2, 200),
        ("GET", {}, [answer(503, retry_after="9999"), OK], 1, 503),
        ("GET", {}, [answer(429, retry_after="0"), OK], 2, 200),
        ("GET", {}, [answer(200, b"<html>sorry</html>"), 503], 1, 200),
    ],
)
def test_what_is_sent_and_what_is_handed_over(client, peer, policy, case):
    method, headers, script, sent, status = case
    peer.tells(*script)
    assert client(policy)(method, f"{peer.url}/x", headers=headers)[0] == status
    assert peer.sent == sent
    assert len({one.headers.get("idempotency-key") for one in peer.asked}) == 1


def test_an_answer_comes_whole(client, peer, policy):
    body = b"x" * 300_000
    peer.tells(503, answer(200, body))
    assert client(policy)("GET", peer.url) == (200, body)
    peer.tells(answer(503, b"sorry"))
    assert client(policy)("GET", peer.url) == (503, b"sorry")


def test_a_break_within_the_body_is_retried_where_it_is_read_within_the_attempt(
    client, peer, policy
):
    peer.tells(CUT, OK)
    if client.reads_within:
        assert client(policy)("GET", peer.url)[0] == 200
        assert peer.sent == 2
    else:
        with pytest.raises(aiohttp.ClientPayloadError):
            client(policy)("GET", peer.url)
        assert peer.sent == 1


def test_a_lost_answer_to_a_change_is_the_clients_own_error_because_of_ours(client, peer, policy):
    peer.tells(RESET, OK)
    with pytest.raises(client.broken) as raised:
        client(policy)("POST", peer.url, content=b"{}")
    assert peer.sent == 1
    doubt = raised.value.__cause__
    assert isinstance(doubt, OutcomeUnknownError)
    assert reason_of(raised.value) is doubt
    assert doubts_in(raised.value) == [doubt]  # so a handler's job is parked, not run again
    assert (doubt.provider, doubt.operation) == ("vendor", "POST 127.0.0.1")
    assert not isinstance(doubt.__cause__, client.broken)
    assert doubt.repeatable is False


def test_under_a_key_it_is_in_doubt_when_no_attempt_was_answered(client, peer, policy):
    peer.tells(RESET)
    with pytest.raises(client.broken) as raised:
        client(policy)("POST", peer.url, headers=KEY)
    assert peer.sent == 3
    doubt = reason_of(raised.value)
    assert isinstance(doubt, OutcomeUnknownError)
    assert (doubt.idempotency_key, doubt.repeatable) == ("order-7", False)


def test_what_does_no_harm_twice_may_be_asked_again(client, peer, policy):
    peer.tells(RESET)
    with pytest.raises(client.broken) as raised:
        client(policy)("PUT", peer.url)
    assert peer.sent == 3
    doubt = reason_of(raised.value)
    assert isinstance(doubt, OutcomeUnknownError)
    assert doubt.repeatable is True


def test_a_refusal_after_a_lost_answer_tells_nothing_of_that(client, peer, policy):
    peer.tells(RESET, 401)
    with pytest.raises(client.broken) as raised:
        client(policy)("POST", peer.url, headers=KEY)
    assert peer.sent == 2
    assert isinstance(raised.value, OutcomeUnknownError)


def test_reading_is_never_in_doubt(client, peer, policy):
    peer.tells(RESET)
    with pytest.raises(client.broken) as raised:
        client(policy)("GET", peer.url)
    assert peer.sent == 3
    assert reason_of(raised.value) is None


def test_what_was_never_sent_is_tried_again_and_in_no_doubt(client, closed_url, policy):
    with pytest.raises(client.broken) as raised:
        client(policy)("POST", closed_url)
    assert policy.stats().attempts_failed == 3
    assert reason_of(raised.value) is None


def test_an_open_circuit_is_an_error_of_both(client, peer, policy):
    policy.breaker.force_open()
    with pytest.raises(client.broken) as raised:
        client(policy)("POST", peer.url)
    assert isinstance(raised.value, CircuitOpenError)
    assert raised.value.policy == "vendor"
    assert "circuit is open" in str(raised.value)
    assert peer.sent == 0
    again = pickle.loads(pickle.dumps(raised.value.with_traceback(None)))
    assert type(again) is type(raised.value)
    assert again.policy == "vendor"


def test_answers_of_every_kind_leave_a_circuit_as_outages_do_not(client, peer):
    policy = Policy("vendor", breaker=Breaker(failures=2), deadline=60)
    peer.tells(404)
    for _ in range(3):
        client(policy)("GET", peer.url)
    peer.tells(429)
    client(policy)("GET", peer.url)
    assert policy.breaker.state.value == "closed"
    peer.tells(503)
    for _ in range(2):
        client(policy)("GET", peer.url)
    assert policy.breaker.state.value == "open"


def test_a_silent_vendor_ends_by_the_timeout(client, peer):
    policy = Policy("vendor", timeout=0.2, deadline=20)
    peer.tells(SILENCE)
    with pytest.raises(client.late) as raised:
        client(policy)("POST", peer.url)
    assert isinstance(reason_of(raised.value), OutcomeUnknownError)
    with pytest.raises(client.late) as raised:
        client(policy)("GET", peer.url)
    if client.asynchronous:
        assert isinstance(raised.value, AttemptTimeoutError)
    assert peer.sent == 2


def test_a_deadline_alone_ends_it_too(peer):
    peer.tells(SILENCE)
    with pytest.raises(aiohttp.ServerTimeoutError) as raised:
        ByAiohttp(Policy("vendor", deadline=0.2))("GET", peer.url)
    assert isinstance(raised.value, DeadlineExceededError)


def test_a_body_that_is_gone_is_sent_once(client, peer, policy):
    def pieces():
        yield b"a"
        yield b"b"

    async def pieces_later():
        yield b"a"
        yield b"b"

    peer.tells(503, OK)
    later = client.asynchronous
    content = pieces_later() if later else pieces()
    assert client(policy)("PUT", peer.url, content=content)[0] == 503
    assert [one.body for one in peer.asked] == [b"ab"]


@pytest.mark.parametrize("client", [ByRequests, ByAiohttp])
def test_a_file_starts_where_it_started(client, peer, policy):
    peer.tells(503, OK)
    file = io.BytesIO(b"skipped, sent")
    file.seek(9)
    assert client(policy)("PUT", peer.url, content=file)[0] == 200
    assert [one.body for one in peer.asked] == [b"sent", b"sent"]


@pytest.mark.parametrize("client", [ByHttpx, ByHttpx2, ByAsyncHttpx2])
def test_a_form_with_files_is_sent_again_if_they_can_be_read_again(client, peer, policy):
    class Once(io.BytesIO):
        def seekable(self):
            return False

    peer.tells(429, OK)
    files = {"one": io.BytesIO(b"content"), "two": b"bytes"}
    assert client(policy)("POST", peer.url, files=files, data={"a": "b"})[0] == 200
    assert len({one.body for one in peer.asked}) == 1
    assert peer.sent == 2
    peer.tells(429, OK)
    assert client(policy)("POST", peer.url, files={"one": Once(b"content")})[0] == 429
    assert peer.sent == 1


def test_the_policys_own_class_goes_before_the_method(client, peer, policy):
    peer.tells(503, RESET, OK)
    assert client(policy.with_(repeat="idempotent"))("POST", peer.url)[0] == 200
    peer.tells(503, RESET, OK)
    assert client(policy.with_(idempotent=True))("POST", peer.url)[0] == 200
    peer.tells(429, OK)
    assert client(policy.with_(repeat="never"))("POST", peer.url)[0] == 429
    assert peer.sent == 1


def test_users_judge_answers_in_their_own_words(client, peer, policy):
    def not_yet(about):
        status = getattr(about, "status", None) or getattr(about, "status_code", None)
        return Verdict(retry=True) if status == 202 else None

    peer.tells(202, 503, OK)
    assert client(policy.with_(classify=not_yet))("GET", peer.url)[0] == 200
    assert peer.sent == 3


def test_states_are_kept_by_a_key_of_the_request(client, peer, policy):
    by_path = policy.with_(key=lambda request: str(request.url).rpartition("/")[2])
    peer.tells(404)
    client(by_path)("GET", f"{peer.url}/here")
    assert set(by_path.stats().circuits) == {"here"}


def test_a_call_that_waits_is_limited(client, peer, policy):
    limited = policy.with_(rate=RateLimit(1, per=3600, burst=1), deadline=1, timeout=None)
    sending = client(limited)
    sending("GET", peer.url)
    with pytest.raises(client.broken):
        sending("GET", peer.url)
    assert peer.sent == 1


@pytest.mark.parametrize(
    "options",
    [
        {"fallback": 1},
        {"critical": False},
        {"hedge": Hedge(after=1), "idempotent": True, "timeout": 5},
    ],
)
def test_what_no_client_can_use_is_refused_at_once(options):
    policy = Policy("vendor", deadline=60, **options)
    for make in (
        guarded_httpx.guarded,
        guarded_requests.GuardedAdapter,
        guarded_aiohttp.guarded,
    ):
        with pytest.raises(ConfigurationError, match=r"vendor\.(fallback|critical|hedge)"):
            make(policy)


@pytest.mark.parametrize(
    "make",
    [
        lambda policy: guarded_httpx.guarded(policy, httpx.HTTPTransport(retries=2)),
        lambda policy: guarded_requests.GuardedAdapter(policy, max_retries=2),
    ],
)
def test_retries_beneath_are_told_of(make, policy, caplog):
    with caplog.at_level(logging.WARNING, "hardpoint"):
        make(policy)
    assert [one.event for one in caplog.records] == ["retries_beneath"]


def test_retries_above_are_told_of_once(peer, policy, caplog):
    counted = {"x-stainless-retry-count": "1"}
    with caplog.at_level(logging.WARNING, "hardpoint"):
        calls = [("GET", peer.url, {"headers": counted})] * 2
        ByHttpx(policy).many(calls)
    assert [one.event for one in caplog.records] == ["retries_beneath"]
    assert "max_retries=0" in caplog.text


def test_aiohttps_own_retry_is_ended_and_later_calls_are_their_own(peer, policy):
    async def scenario():
        middleware = guarded_aiohttp.guarded(policy.with_(retry=None))
        async with aiohttp.ClientSession(middlewares=[middleware]) as session:
            for _ in range(2):
                with pytest.raises(aiohttp.ClientOSError):
                    await session.get(peer.url)
            peer.script = [OK]
            async with session.get(peer.url) as one:
                assert one.status == 200

    peer.tells(RESET)
    asyncio.run(scenario())
    assert peer.sent == 3


def test_the_classes_of_retry_options_are_their_users_own(peer):
    none = Policy("vendor", retry=Retry(3, on=KeyError, backoff=0), deadline=60)
    peer.tells(503, OK)
    assert ByHttpx2(none)("GET", peer.url)[0] == 200


def test_what_a_transport_of_ones_own_raises_of_ours_stays_as_it_is(policy):
    def answers(request):
        raise UnsupportedError

    transport = guarded_httpx.guarded(policy, httpx2.MockTransport(answers))
    with httpx2.Client(transport=transport) as client, pytest.raises(UnsupportedError):
        client.get("http://vendor.example/")


def test_a_reason_is_looked_for_no_further_than_there_can_be_one():
    assert reason_of(None) is None
    first = last = ValueError()
    for _ in range(20):
        last.__cause__ = ValueError()
        last = last.__cause__
    last.__cause__ = CircuitOpenError()
    assert reason_of(first) is None
    assert isinstance(reason_of(last), CircuitOpenError)


@pytest.mark.parametrize("timeout", [(5, None), None, Timeout(5)])
def test_requests_takes_its_time_limits_in_every_form(peer, policy, timeout):
    with requests.Session() as session:
        session.trust_env = False
        session.mount("http://", guarded_requests.GuardedAdapter(policy))
        assert session.get(peer.url, timeout=timeout).status_code == 200
        adapter = session.get_adapter(peer.url)
        prepared = session.prepare_request(requests.Request("GET", peer.url))
        assert adapter.send(prepared, False, 5).status_code == 200


def test_requests_leaves_a_stream_unread(peer, policy):
    peer.tells(503, CUT)
    with requests.Session() as session:
        session.trust_env = False
        session.mount("http://", guarded_requests.GuardedAdapter(policy))
        answer_ = session.get(peer.url, stream=True)
        with pytest.raises(requests.exceptions.ChunkedEncodingError):
            _ = answer_.content
    assert peer.sent == 2


def test_a_session_that_does_not_come_again_is_left_alone(policy):
    """As one would be that has no retry of its own, though it says so."""

    async def scenario():
        session = SimpleNamespace(_retry_connection=True)
        one = SimpleNamespace(
            session=session,
            method="GET",
            url=URL("http://vendor.example/1"),
            headers={},
            body=b"",
        )
        other = SimpleNamespace(**{**vars(one), "url": URL("http://vendor.example/2")})
        middleware = guarded_aiohttp.guarded(policy)

        async def lost(request):
            raise aiohttp.ServerDisconnectedError

        async def answered(request):
            return SimpleNamespace(status=200, headers={})

        with pytest.raises(aiohttp.ServerDisconnectedError):
            await middleware(one, lost)
        assert session._retry_connection is False
        assert (await middleware(other, answered)).status == 200
        assert (await middleware(one, answered)).status == 200

    asyncio.run(scenario())
