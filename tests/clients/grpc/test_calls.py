"""Calls of a user's own stubs, against a real server: what is repeated, and what is not."""

import asyncio
import os
import threading

import grpc
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.clients.grpc.conftest import BREAKER, SAFE, Abort, Hold

from hardpoint import reason_of
from hardpoint.clients import GrpcSettings
from hardpoint.clients.grpc.blocking import _first
from hardpoint.clients.grpc.channels import ChannelFacts, health_said
from hardpoint.clients.grpc.guarding import GrpcLateness
from hardpoint.core.correlation import correlation_id
from hardpoint.core.errors import (
    CircuitOpenError,
    ConfigurationError,
    InvalidRequestError,
    MisuseError,
    OutcomeUnknownError,
)
from hardpoint.core.secrets import Secret
from hardpoint.resilience.retry import Retry, constant
from hardpoint.runtime.clocks import SystemClock

Code = grpc.StatusCode
REPEATED = [Code.UNAVAILABLE, Code.ABORTED, Code.RESOURCE_EXHAUSTED]
UNKNOWN = [Code.INTERNAL, Code.UNKNOWN, Code.DEADLINE_EXCEEDED, Code.UNAVAILABLE]
ANSWERS = [Code.NOT_FOUND, Code.INVALID_ARGUMENT, Code.PERMISSION_DENIED, Code.ALREADY_EXISTS]


def failed(call, *args, **options):
    with pytest.raises(grpc.RpcError) as caught:
        call(*args, **options)
    return caught.value


def test_a_stub_is_called_as_ever(crm, deals):
    service = crm()
    assert service.get(b"seven") == b"seven"
    assert [one.error for one in service.attempts] == [None]
    [(_, metadata, _)] = deals.seen
    assert "grpc-previous-rpc-attempts" not in metadata


@pytest.mark.parametrize("code", REPEATED)
def test_what_may_be_repeated_is_and_says_so(crm, deals, code):
    deals.script.extend([Abort(code), Abort(code)])
    service = crm(SAFE)
    assert service.get() == b"x"
    attempts = [metadata.get("grpc-previous-rpc-attempts") for _, metadata, _ in deals.seen]
    assert attempts == [None, "1", "2"]
    assert [one.error for one in service.attempts] == [code.name, code.name, None]


@pytest.mark.parametrize("code", REPEATED)
def test_after_the_last_attempt_the_services_own_error_comes_out(crm, deals, code):
    deals.script.extend([Abort(code)] * 3)
    error = failed(crm(SAFE).get)
    assert error.code() is code
    assert len(deals.seen) == 3


@pytest.mark.parametrize("code", UNKNOWN)
@pytest.mark.parametrize("repeat", ["needs_key", "never"])
def test_what_may_have_acted_is_not_repeated_and_says_so(crm, deals, code, repeat):
    deals.script.append(Abort(code))
    error = failed(crm({"methods": {"crm.Deals/Get": repeat}}).get)
    assert error.code() is code
    assert isinstance(reason_of(error), OutcomeUnknownError)
    assert len(deals.seen) == 1


def test_a_method_of_which_nobody_has_said_anything_is_not_repeated(crm, deals):
    deals.script.append(Abort(Code.UNAVAILABLE))
    service = crm()
    failed(service.get)
    assert len(deals.seen) == 1
    service.client.methods({"crm.Deals/Get": "safe"})
    deals.script.append(Abort(Code.UNAVAILABLE))
    assert service.get() == b"x"


@pytest.mark.parametrize("code", ANSWERS)
def test_an_answer_is_an_answer(crm, deals, code):
    deals.script.append(Abort(code))
    assert failed(crm(SAFE).get).code() is code
    assert len(deals.seen) == 1


@pytest.mark.parametrize(("said", "attempts"), [("0", 2), ("2500", 2), ("-1", 1), ("soon", 1)])
def test_a_server_that_pushes_back_says_when_or_never(crm, deals, said, attempts):
    deals.script.append(Abort(Code.UNAVAILABLE, ("grpc-retry-pushback-ms", said)))
    service = crm(SAFE)
    if attempts == 1:
        failed(service.get)
    else:
        service.get()
        assert sum(service.clock.waits) == max(1.0, int(said) / 1000)
    assert len(deals.seen) == attempts


def test_a_deadline_goes_along_and_one_that_is_over_sends_nothing(crm, deals):
    service = crm(SAFE)
    service.get(timeout=20.0)
    [(_, _, left)] = deals.seen
    assert 15 < left < 20.5
    for timeout in (0, -1):
        error = failed(service.get, timeout=timeout)
        assert error.code() is Code.DEADLINE_EXCEEDED
        assert "nothing was sent" in error.details()
    assert len(deals.seen) == 1


def test_a_policys_deadline_holds_where_the_caller_gives_more(crm, deals):
    crm(SAFE, deadline=10.0, timeout=5.0).get(timeout=60.0)
    [(_, _, left)] = deals.seen
    assert left < 5.5


def test_an_open_circuit_sends_nothing_and_is_an_error_of_grpc(crm, deals):
    deals.script.append(Abort(Code.INTERNAL))
    service = crm(SAFE, breaker=BREAKER, retry=None)
    failed(service.get)
    error = failed(service.get)
    assert isinstance(error, CircuitOpenError)
    assert error.code() is Code.UNAVAILABLE
    assert "circuit" in error.details()
    assert error.trailing_metadata() == ()
    assert len(deals.seen) == 1


def test_the_key_goes_along_and_is_read_anew_where_it_is_refused(crm, deals, monkeypatch):
    monkeypatch.setenv("CRM_KEY", "one")
    service = crm({**SAFE, "key": Secret.env("CRM_KEY")})
    deals.script.append(Abort(Code.UNAUTHENTICATED))
    error = failed(service.get)
    assert error.code() is Code.UNAUTHENTICATED
    monkeypatch.setenv("CRM_KEY", "two")
    service.get()
    assert [metadata["authorization"] for _, metadata, _ in deals.seen][-1] == "Bearer two"


def test_what_is_being_done_is_named(crm, deals):
    token = correlation_id.set("c-1")
    try:
        crm().get(metadata=(("x-own", "1"),))
    finally:
        correlation_id.reset(token)
    [(_, metadata, _)] = deals.seen
    assert (metadata["x-correlation-id"], metadata["x-own"]) == ("c-1", "1")


# Streams


def test_a_stream_gives_its_items(crm, deals):
    deals.script.append([b"a", b"b", b"c"])
    service = crm(SAFE)
    assert service.watch() == ([b"a", b"b", b"c"], None)
    deals.script.append([])
    assert service.watch() == ([], None)


@given(st.integers(0, 5), st.sampled_from(REPEATED))
@settings(
    deadline=None,
    max_examples=20,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
def test_a_stream_that_breaks_is_repeated_only_before_its_first_item(crm, deals, place, code):
    deals.clear()
    items = [bytes([65 + number]) for number in range(6)]
    deals.script.extend([[*items[:place], Abort(code)], items])
    came, error = crm(SAFE).watch()
    if place == 0:
        assert (came, error, len(deals.seen)) == (items, None, 2)
    else:
        assert (came, error.code(), len(deals.seen)) == (items[:place], code, 1)


def test_streams_of_requests_are_made_once(crm, deals):
    service = crm({**SAFE, "key": Secret.value("k")})
    assert service.stream("Put", [b"a", b"b"]) == b"ab"
    assert service.stream("Chat", [b"a", b"b"]) == [b"a", b"b"]
    assert [metadata["authorization"] for _, metadata, _ in deals.seen] == ["Bearer k"] * 2
    deals.script.append(Abort(Code.UNAVAILABLE))
    failed(service.stream, "Put", [b"a"])
    assert len(deals.seen) == 3


@pytest.mark.parametrize("kind", ["Put", "Chat"])
def test_a_call_with_a_stream_of_requests_ends_by_the_policys_deadline(crm, deals, kind):
    hold = Hold()
    deals.script.append(hold)
    error = failed(crm(SAFE, timeout=0.1, deadline=0.3).stream, kind, [b"a"])
    assert error.code() is Code.DEADLINE_EXCEEDED
    assert hold.gone.wait(5)


def test_a_stream_is_not_ended_by_the_time_of_its_opening(crm, deals):
    deals.script.extend([[b"a", b"b"]] * 2)
    service = crm(SAFE, timeout=5.0, deadline=10.0)
    assert service.watch() == ([b"a", b"b"], None)
    assert service.watch(timeout=8.0) == ([b"a", b"b"], None)
    [(_, _, without), (_, _, left)] = deals.seen
    assert without is None or without > 3600
    assert 5 < left < 8.5


def test_a_stream_whose_first_item_does_not_come_is_given_up_and_tried_again(crm, deals):
    options = {"timeout": 0.2, "clock": SystemClock()}
    hold, other = Hold(), Hold()
    deals.script.extend([[hold], [b"a"], [other]])
    again = Retry(2, backoff=constant(0.0))
    assert crm(SAFE, retry=again, **options).watch() == ([b"a"], None)
    items, error = crm(SAFE, retry=None, **options).watch()
    assert (items, error.code()) == ([], Code.DEADLINE_EXCEEDED)
    assert hold.gone.wait(5)
    assert other.gone.wait(5)


def test_a_stream_without_any_limit_waits(crm, deals):
    deals.script.append([b"a", b"b"])
    assert crm(SAFE, timeout=None, retry=None).watch() == ([b"a", b"b"], None)


class LateItem:
    """A stream whose first item comes as it is given up."""

    def __init__(self):
        self.cancelled = threading.Event()
        self.cancel = self.cancelled.set

    def __iter__(self):
        self.cancelled.wait(20)
        yield b"a"


def test_what_comes_as_it_is_given_up_came_too_late():
    with pytest.raises(GrpcLateness):
        _first(LateItem(), 0.01)


@pytest.mark.parametrize("crm", ["blocking"], indirect=True)
def test_the_rest_of_a_blocking_stream_is_the_librarys_own(crm, deals):
    deals.script.append([b"a", b"b"])
    call = crm(SAFE).client.channel.unary_stream("/crm.Deals/Watch")(b"")
    assert next(call) == b"a"
    call.cancel()
    assert call.code() is Code.CANCELLED


# Health


def test_health(crm):
    service = crm()
    assert service.health() == "SERVING"
    assert service.health("tired") == "NOT_SERVING"
    assert failed(service.health, "nobody").code() is Code.NOT_FOUND
    with pytest.raises(InvalidRequestError):
        service.health("s" * 128)
    for name in ("\ud800", 17):
        with pytest.raises(InvalidRequestError):
            service.health(name)


def test_a_status_that_is_not_known_is_unknown():
    assert [health_said(one) for one in (b"", b"\x08\x09", b"\x08\x03")] == [
        *("UNKNOWN", "UNKNOWN"),
        "SERVICE_UNKNOWN",
    ]


# Set-up


@pytest.mark.parametrize(
    ("facts", "key"),
    [
        ({"target": "crm.example"}, "target"),
        ({"target": "crm.example:0"}, "target"),
        ({"target": "https://crm.example:443"}, "target"),
        ({"tls": False}, "tls"),
        ({"methods": {"Get": "safe"}}, "methods"),
        ({"methods": {"crm.Deals/Get": "always"}}, "methods"),
    ],
)
def test_what_cannot_be_is_refused(facts, key):
    with pytest.raises(ConfigurationError, match=f"^{key}"):
        GrpcSettings(**{"target": "crm.example:443", **facts})


def test_certificates_of_ones_own_need_tls_and_a_file(tmp_path):
    with pytest.raises(ConfigurationError, match=r"^authorities"):
        GrpcSettings(target="127.0.0.1:1", tls=False, authorities=tmp_path / "ca.pem")
    absent = GrpcSettings(target="crm.example:443", authorities=tmp_path / "ca.pem")
    with pytest.raises(ConfigurationError, match=r"^authorities"):
        ChannelFacts(absent)
    (tmp_path / "ca.pem").write_text("")
    assert ChannelFacts(absent).credentials is not None


def test_without_the_extra_the_install_line_is_named(monkeypatch):
    monkeypatch.setattr("hardpoint.clients.grpc.settings.find_spec", lambda _: None)
    with pytest.raises(ConfigurationError, match=r"hardpoint\[grpc\]"):
        GrpcSettings(target="crm.example:443")


def test_a_service_that_is_not_there_is_unavailable(crm):
    service = crm({"target": "127.0.0.1:1", **SAFE})
    assert failed(service.get).code() is Code.UNAVAILABLE
    assert len(service.attempts) == 3


def test_with_tls_a_server_without_it_is_not_spoken_to(crm, served):
    service = crm({"target": served[1], "tls": True}, retry=None)
    assert failed(service.get).code() is Code.UNAVAILABLE


def test_a_channel_is_asked_for_where_a_loop_runs(crm):
    service = crm()
    if crm.mode == "async":
        with pytest.raises(MisuseError, match="event loop"):
            _ = service.client.channel
        assert service.get() == service.get()  # each in a loop of its own
        asyncio.run(service.close())
    else:
        channel = service.client.channel
        assert service.client.channel is channel
        service.close()
        with pytest.raises(MisuseError, match="closed"):
            channel.stream_unary("/crm.Deals/Put")(iter([b"a"]))
        assert service.get() == b"x"


def test_a_child_of_a_process_that_has_called_is_refused(crm):
    service = crm()
    service.get()
    facts = service.client.driver.channels._facts
    reading, writing = os.pipe()
    if os.fork() == 0:
        try:
            facts.check()
        except MisuseError:
            os.write(writing, b"refused")
        finally:
            os._exit(0)
    os.close(writing)
    with os.fdopen(reading, "rb") as told:
        assert told.read() == b"refused"
    os.wait()


def test_what_is_remembered_of_deadlines_is_bounded(crm, deals, monkeypatch):
    monkeypatch.setattr("hardpoint.clients.grpc.guarding._KEPT_MAX", 1)
    service = crm()
    for timeout in (10.0, 20.0, 30.0):
        service.get(timeout=timeout)
    assert len(service.client._guard._policies) == 1
