"""The two shells do the same and fail the same."""

import asyncio
import os
import threading
import traceback

import pytest

from hardpoint.core.errors import (
    ConfigurationError,
    DeadlineTooShortError,
    InvalidRequestError,
    OutcomeUnknownError,
    UnavailableError,
    UnexpectedResponseError,
)
from hardpoint.fakes.faults import hang, latency, reset, truncate
from hardpoint.fakes.messages import FakeReply
from hardpoint.http.asynchronous import AsyncTransport
from hardpoint.http.blocking import BlockingTransport
from hardpoint.http.messages import Request
from hardpoint.runtime.blocking import run


def post(url, path="/v1/things?token=t", headers=(), body=b"a=1"):
    return Request(method="POST", url=url + path, headers=headers, body=body)


def test_a_request_goes_out_as_it_is_and_its_answer_comes_back_whole(shells, vendor):
    vendor.app.replies.append(
        FakeReply(status=201, headers=(("X-One", "1"), ("x-one", "2")), body=b"!")
    )
    answer = shells.send(post(vendor.url, headers=(("x-two", "zwei"),)))
    assert (answer.status, answer.headers["x-one"], answer.body) == (201, "2", b"!")
    (received,) = vendor.app.received
    assert (received.method, received.target) == ("POST", "/v1/things?token=t")
    assert (received.headers["x-two"], received.body) == ("zwei", b"a=1")
    assert received.headers["accept-encoding"] == "identity"


def test_connections_are_used_again_and_anew_after_closing(shells, vendor):
    transport = shells.open()
    opened = []
    accept = vendor._connected
    vendor._connected = lambda *ends: (opened.append(1), accept(*ends))
    for _ in range(3):
        shells.do(transport.send(post(vendor.url)))
    reused = len(opened)
    shells.do(transport.close())
    assert shells.do(transport.send(post(vendor.url))).status == 200
    assert reused <= 1


def test_no_connection_means_that_nothing_was_sent(shells, closed_port):
    with pytest.raises(UnavailableError, match="no connection") as caught:
        shells.send(post(f"http://127.0.0.1:{closed_port}"))
    assert caught.value.retryable
    assert caught.value.outcome_known


def test_a_connection_that_takes_too_long_means_that_nothing_was_sent(shells, full_port):
    with pytest.raises(UnavailableError, match=r"no connection.*TimeoutError"):
        shells.send(post(f"http://127.0.0.1:{full_port}"), connect_timeout=0.1)


def test_a_name_that_does_not_resolve_means_that_nothing_was_sent(shells):
    with pytest.raises(UnavailableError):
        shells.send(post("https://nothing.invalid"))


def test_a_certificate_that_nobody_vouches_for_is_refused_for_good(shells, distrusted_port):
    with pytest.raises(UnavailableError, match="no trusted certificate") as caught:
        shells.send(post(f"https://127.0.0.1:{distrusted_port}"))
    assert not caught.value.retryable


@pytest.mark.parametrize(
    "fault", [hang(), reset("headers"), reset("mid_body"), truncate()], ids=lambda f: f.breaks.value
)
def test_no_whole_answer_leaves_the_outcome_unknown(shells, vendor, fault):
    vendor.faults.next(fault)
    with pytest.raises(OutcomeUnknownError, match="answer") as caught:
        shells.send(post(vendor.url), timeout=0.2)
    assert not caught.value.retryable
    assert not caught.value.outcome_known
    assert "token" not in str(caught.value)


def test_a_request_may_have_less_time_than_the_transport(shells, vendor):
    vendor.faults.next(latency(1.5))
    request = Request(method="GET", url=vendor.url, timeout=0.4)
    with pytest.raises(OutcomeUnknownError, match="no whole answer in time"):
        shells.send(request)


def test_the_deadline_of_the_call_bounds_every_wait(shells, vendor):
    vendor.faults.next(latency(1.5))
    with pytest.raises(OutcomeUnknownError, match="no whole answer in time"):
        shells.send(post(vendor.url), remaining=lambda: 0.4)


def test_a_whole_exchange_has_its_time(shells, dripping):
    with pytest.raises(OutcomeUnknownError, match="no whole answer in time"):
        shells.send(post(dripping), exchange=0.5)


def test_an_exchange_in_time_is_not_disturbed(shells, vendor):
    assert shells.send(post(vendor.url), exchange=5.0).status == 200


def test_nothing_is_sent_when_no_time_is_left(shells, vendor):
    with pytest.raises(DeadlineTooShortError):
        shells.send(post(vendor.url), remaining=lambda: 0.0)
    assert vendor.requests == 0


def test_an_answer_over_the_cap_is_refused(shells, vendor):
    vendor.app.replies += [FakeReply(body=b"x" * 10), FakeReply(body=b"x" * 11)]
    assert len(shells.send(post(vendor.url), body_bytes_max=10).body) == 10
    with pytest.raises(UnexpectedResponseError, match="larger than 10 bytes") as caught:
        shells.send(post(vendor.url), body_bytes_max=10)
    assert (caught.value.status, caught.value.outcome_known) == (200, False)


def test_an_answer_over_the_cap_may_be_cut(shells, vendor):
    vendor.app.replies.append(FakeReply(body=b"x" * 1_000_000))
    answer = shells.send(post(vendor.url), body_bytes_max=10, cut=True)
    assert (answer.status, answer.body) == (200, b"x" * 10)


def test_an_encoded_answer_is_taken_as_it_came_where_it_may_be_cut(shells, vendor):
    vendor.app.replies.append(FakeReply(headers=(("content-encoding", "gzip"),), body=b"\x1f\x8b"))
    assert shells.send(post(vendor.url), cut=True).body == b"\x1f\x8b"


def test_an_encoded_answer_is_refused(shells, vendor):
    vendor.app.replies.append(FakeReply(headers=(("content-encoding", "gzip"),), body=b"\x1f\x8b"))
    with pytest.raises(UnexpectedResponseError, match="is encoded"):
        shells.send(post(vendor.url))


def test_no_redirect_is_followed_and_no_cookie_kept(shells, vendor):
    transport = shells.open()
    moved = (("location", "/elsewhere"), ("set-cookie", "a=1"))
    vendor.app.replies.append(FakeReply(status=302, headers=moved))
    assert shells.do(transport.send(post(vendor.url))).status == 302
    shells.do(transport.send(post(vendor.url)))
    assert [received.path for received in vendor.app.received] == ["/v1/things"] * 2
    assert "cookie" not in vendor.app.received[1].headers


def test_the_environment_names_no_proxy_and_no_authority(shells, vendor, closed_port, monkeypatch):
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY"):
        monkeypatch.setitem(os.environ, name, f"http://127.0.0.1:{closed_port}")
    monkeypatch.setitem(os.environ, "SSL_CERT_FILE", "/nowhere")
    assert shells.send(post(vendor.url)).status == 200


@pytest.mark.parametrize(
    "url", ["http://api.example.com", "ftp://127.0.0.1", "http://u:p@127.0.0.1", "https://a b"]
)
def test_an_address_we_do_not_send_to_is_refused(shells, url):
    with pytest.raises(ConfigurationError):
        shells.send(post(url))


@pytest.mark.parametrize(
    "request_",
    [
        post("http://127.0.0.1", headers=(("a\nb", "1"),)),
        post("http://127.0.0.1", headers=(("a", "1\r\nb: 2"),)),
        post("http://127.0.0.1", headers=(("a", "größe €"),)),
        post("https://" + "a" * 70 + ".example"),
    ],
    ids=["name", "value", "text", "host"],
)
def test_what_http_cannot_say_is_refused_before_it_is_sent(shells, vendor, request_):
    if request_.url.startswith("http:"):
        url = request_.url.replace("http://127.0.0.1", vendor.url)
        request_ = Request(method="POST", url=url, headers=request_.headers)
    with pytest.raises((InvalidRequestError, UnavailableError)) as caught:
        shells.send(request_)
    assert caught.value.outcome_known
    assert vendor.requests == 0


def test_a_header_that_cannot_be_sent_is_quoted_nowhere(shells, vendor):
    secret = str(10**20)  # a traceback quotes the lines of this test
    with pytest.raises(InvalidRequestError) as caught:
        shells.send(post(vendor.url, headers=(("authorization", f"Bearer {secret}\n"),)))
    assert secret not in "".join(traceback.format_exception(caught.value))
    assert caught.value.__context__ is None


def test_first_requests_at_the_same_time_share_one_pool(vendor):
    async def together():
        async with AsyncTransport() as transport:
            answers = await asyncio.gather(*(transport.send(post(vendor.url)) for _ in range(5)))
            return [answer.status for answer in answers]

    assert asyncio.run(together()) == [200] * 5
    with BlockingTransport() as transport:
        statuses = []
        threads = [
            threading.Thread(
                target=lambda: statuses.append(run(transport.send(post(vendor.url))).status)
            )
            for _ in range(5)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert statuses == [200] * 5


def test_a_transport_that_sent_nothing_closes_too(shells):
    shells.do(shells.open().close())
