"""Large answers: opened under the policy, read in pieces, and never begun again once begun."""

import gzip
from contextlib import asynccontextmanager

import pytest

import hardpoint.sync
from hardpoint.calls.connection import Connection
from hardpoint.calls.events import AttemptEnded, CallEnded
from hardpoint.clients import RestClient, RestDriver, RestSettings
from hardpoint.clients.rest.driver import STREAM_SECONDS_MAX
from hardpoint.core.errors import (
    CircuitOpenError,
    InvalidRequestError,
    MisuseError,
    NotFoundError,
    OutcomeUnknownError,
    RateLimitedError,
    UnavailableError,
    UnexpectedResponseError,
)
from hardpoint.core.events import Listeners
from hardpoint.fakes.faults import reset, status
from hardpoint.fakes.messages import FakeReply
from hardpoint.http.messages import BodyStream
from hardpoint.resilience.breaker import Breaker
from hardpoint.resilience.bulkhead import Bulkhead
from hardpoint.resilience.policy import Policy
from hardpoint.runtime.blocking import BlockingRuntime

BODY = b"0123456789" * 50_000


def read(api, stream):
    """The whole of it, in either mode."""
    if hasattr(stream, "__aenter__"):

        async def collect():
            async with stream as body:
                return body.status, dict(body.headers), b"".join([one async for one in body])

        return api.do(collect())
    with stream as body:
        return body.status, dict(body.headers), b"".join(body)


def plain(api, body=BODY, *headers):
    reply = FakeReply(headers=headers, body=body)
    api.fake.on("* /export.csv", lambda request: reply)


def test_a_large_answer_comes_in_pieces(api):
    plain(api, BODY, ("content-type", "text/csv"))
    status_, headers, body = read(api, api.client().stream("get", "/export.csv"))
    assert (status_, headers["content-type"], body) == (200, "text/csv", BODY)


@pytest.mark.parametrize("fault", [status(503), reset("headers"), status(429)])
def test_an_opening_is_repeated_as_a_call_is(api, fault):
    plain(api)
    api.server.faults.next(fault)
    assert read(api, api.client().stream("GET", "/export.csv"))[2] == BODY
    assert api.server.requests == 2


def test_what_acts_is_not_opened_twice(api):
    plain(api)
    api.server.faults.next(reset("headers"))
    with pytest.raises(OutcomeUnknownError):
        read(api, api.client().stream("POST", "/export.csv", json={}))
    assert api.server.requests == 1


def test_an_opening_that_fails_for_good_is_told(api):
    api.server.faults.next(reset("headers"), times=3)
    with pytest.raises(UnavailableError):
        read(api, api.client().stream("GET", "/export.csv"))
    assert api.server.requests == 3


def test_a_refusal_is_told(api):
    api.fake.on("GET /export.csv", {"message": "x" * 100_000}, status=404)
    with pytest.raises(NotFoundError):
        read(api, api.client().stream("GET", "/export.csv"))
    api.fake.on("GET /export.csv", {}, status=401)
    with pytest.raises(Exception, match="401"):
        read(api, api.client().stream("GET", "/export.csv", bytes_max=10))


@pytest.mark.parametrize("fault", [reset("mid_body")])
def test_what_breaks_off_is_told_and_not_begun_again(api, fault):
    plain(api)
    api.server.faults.next(fault)
    with pytest.raises(UnavailableError, match=r"broke off after \d+ bytes"):
        read(api, api.client().stream("GET", "/export.csv"))
    assert api.server.requests == 1


def test_what_breaks_off_after_acting_is_in_doubt(api):
    plain(api)
    api.server.faults.next(reset("mid_body"))
    with pytest.raises(OutcomeUnknownError):
        read(api, api.client().stream("POST", "/export.csv"))


def test_no_more_is_taken_than_was_asked_for(api):
    plain(api)
    with pytest.raises(UnexpectedResponseError):
        read(api, api.client().stream("GET", "/export.csv", bytes_max=100_000))


def test_a_compressed_stream_is_unfolded(api):
    plain(api, gzip.compress(BODY), ("content-encoding", "gzip"))
    assert read(api, api.client().stream("GET", "/export.csv", compressed=True))[2] == BODY
    assert "gzip" in api.last.headers["accept-encoding"]
    with pytest.raises(UnexpectedResponseError, match="more than 5000 bytes"):
        read(api, api.client().stream("GET", "/export.csv", compressed=True, bytes_max=5000))


def test_one_that_was_not_asked_for_is_refused(api):
    plain(api, gzip.compress(BODY), ("content-encoding", "gzip"))
    with pytest.raises(UnexpectedResponseError):
        read(api, api.client().stream("GET", "/export.csv"))


def test_it_is_read_within_its_block(api):
    stream = api.client().stream("GET", "/export.csv")
    with pytest.raises(MisuseError, match="within its block"):
        _ = stream.status


def test_a_body_of_pieces_is_sent_once(api):
    async def pieces():
        yield b"abc"

    api.fake.on("PUT /files/1", {"ok": True})
    answer = api.do(api.client().put("/files/1", content=BodyStream(3, pieces())))
    assert (answer.status, api.last.body) == (200, b"abc")
    api.server.faults.next(status(503))
    error = api.fails(api.client().put, "/files/1", content=BodyStream(3, pieces()))
    assert (type(error), api.server.requests) == (OutcomeUnknownError, 2)
    api.server.faults.next(status(503))
    with pytest.raises(OutcomeUnknownError):
        read(api, api.client().stream("PUT", "/files/1", content=BodyStream(3, pieces())))


@pytest.mark.parametrize(
    ("left", "says"), [(None, "cannot be read"), (b"ab", "ended 1 bytes before its size")]
)
def test_a_file_that_is_another_by_the_time_it_is_sent_is_refused(api, tmp_path, left, says):
    path = tmp_path / "photo.jpg"
    path.write_bytes(b"abc")
    stream = api.client().stream("PUT", "/files/1", content=path)
    path.unlink() if left is None else path.write_bytes(left)
    with pytest.raises(InvalidRequestError, match=says):
        read(api, stream)


def test_a_place_is_held_while_a_stream_is_open(api):
    if not hasattr(api.client(), "connection"):  # the blocking one holds it while it opens
        return
    plain(api)
    policy = Policy("crm", bulkhead=Bulkhead(1, queue=0), clock=api.clock)
    crm = api.client(policy=policy)

    async def two():
        async with crm.stream("GET", "/export.csv"):
            with pytest.raises(Exception, match="Too many"):
                async with crm.stream("GET", "/export.csv"):
                    pass
        async with crm.stream("GET", "/export.csv") as body:
            return body.status

    assert api.do(two()) == 200


def test_an_open_stream_has_an_end_all_the_same():
    assert STREAM_SECONDS_MAX <= 24 * 3600


def test_an_opening_waits_for_a_limit_that_is_used_up(api):
    api.fake.on(
        "GET /a", {}, headers=(("x-ratelimit-remaining", "0"), ("x-ratelimit-reset", "300"))
    )
    crm = api.client(attempts=1)
    api.do(crm.get("/a"))
    with pytest.raises(RateLimitedError):
        read(api, crm.stream("GET", "/export.csv"))
    assert api.server.requests == 1


def told(api):
    """What listeners heard: of attempts their number, error and status; of calls how they ended."""
    return [
        (one.attempt, one.error, one.status)
        if isinstance(one, AttemptEnded)
        else (one.attempts, one.error)
        for one in api.told
        if isinstance(one, AttemptEnded | CallEnded)
    ]


def test_openings_are_told_as_attempts_and_the_stream_as_a_call(api):
    plain(api)
    api.server.faults.next(status(503))
    read(api, api.client().stream("GET", "/export.csv"))
    assert told(api) == [(1, "unavailable", 503), (2, None, 200), (2, None)]
    assert {one.operation for one in api.told} == {"GET /export.csv"}


def test_one_that_was_never_opened_and_one_that_broke_off_are_told(api):
    api.fake.on("GET /export.csv", {}, status=404)
    with pytest.raises(NotFoundError):
        read(api, api.client().stream("GET", "/export.csv"))
    assert told(api) == [(1, "not_found", 404), (1, "not_found")]
    api.told.clear()
    plain(api)
    api.server.faults.next(reset("mid_body"))
    with pytest.raises(UnavailableError):
        read(api, api.client().stream("GET", "/export.csv"))
    assert told(api) == [(1, None, 200), (1, "unavailable")]
    api.told.clear()
    with pytest.raises(UnexpectedResponseError):
        read(api, api.client().stream("GET", "/export.csv", bytes_max=100_000))
    assert told(api)[-1][1] == "unexpected_response"


def test_one_that_is_interrupted_while_it_is_opened_is_told():
    class Interrupted:
        @asynccontextmanager
        async def stream(self, request, **_):
            raise KeyboardInterrupt
            yield

    heard = []
    connection = Connection("crm", BlockingRuntime(), listeners=Listeners(heard.append))
    driver = RestDriver(Interrupted(), RestSettings(base_url="https://a.example", auth="none"))
    with (
        pytest.raises(KeyboardInterrupt),
        hardpoint.sync.RestClient(RestClient(driver, connection)).stream("GET", "/a"),
    ):
        pass
    assert [one.error for one in heard] == ["cancelled", "cancelled"]


def test_one_that_is_refused_by_its_circuit_is_a_call_without_an_attempt(api):
    policy = Policy("crm", breaker=Breaker())
    policy.breaker.force_open()
    with pytest.raises(CircuitOpenError):
        read(api, api.client(policy=policy).stream("GET", "/export.csv"))
    assert told(api) == [(0, "CircuitOpenError")]
