"""What is known of a request that got no answer: nothing was sent, or nobody can tell."""

import pytest

from hardpoint.core.errors import (
    DeadlineTooShortError,
    OutcomeUnknownError,
    UnavailableError,
)
from hardpoint.http.messages import Request, Response

METHODS = ["POST", "PUT", "GET"]


def request(method, url, path="/"):
    return Request(method=method, url=url + path, body=b"" if method == "GET" else b"a=1")


def read_and_close(line):
    line.request()


def read_and_reset(line):
    line.request()
    line.reset()


def half_a_head(line):
    line.request()
    line.send(b"HTTP/1.1 200 OK\r\ncontent-ty")


def status_line_alone(line):
    line.request()
    line.send(b"HTTP/1.1 200 OK\r\n")


def interim_alone(line):
    line.request()
    line.send(b"HTTP/1.1 103 Early Hints\r\nlink: </a>\r\n\r\n")


def shorter_than_said(line):
    line.request()
    line.send(b"HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nhalf")


def reset_in_the_body(line):
    line.request()
    line.send(b"HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nhalf")
    line.reset()


def no_last_chunk(line):
    line.request()
    line.send(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n4\r\nhalf\r\n")


def half_a_chunk(line):
    line.request()
    line.send(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n8\r\nhalf")


def no_end_of_trailers(line):
    line.request()
    line.send(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n4\r\nhalf\r\n0\r\nx: y\r\n")


BROKEN = [
    read_and_close,
    read_and_reset,
    half_a_head,
    status_line_alone,
    interim_alone,
    shorter_than_said,
    reset_in_the_body,
    no_last_chunk,
    half_a_chunk,
    no_end_of_trailers,
]


@pytest.mark.parametrize("script", BROKEN, ids=lambda script: script.__name__)
@pytest.mark.parametrize("method", METHODS)
def test_no_whole_answer_leaves_the_outcome_unknown_and_nothing_is_sent_again(
    shell, listen, method, script
):
    peer = listen(script)
    with pytest.raises(OutcomeUnknownError) as caught:
        shell.send(request(method, peer.url, "/?token=t"))
    assert not caught.value.outcome_known
    assert not caught.value.retryable
    assert "token" not in str(caught.value)
    assert len(peer.heard) == 1


@pytest.mark.parametrize("script", [read_and_close, half_a_head, shorter_than_said, no_last_chunk])
def test_no_whole_answer_over_tls_leaves_the_outcome_unknown(shell, listen, authority, script):
    peer = listen(script, tls=authority.serving())
    with pytest.raises(OutcomeUnknownError):
        shell.send(request("POST", peer.url))
    assert len(peer.heard) == 1


def test_a_refused_connection_means_that_nothing_was_sent(shell, closed_port):
    with pytest.raises(UnavailableError) as caught:
        shell.send(request("POST", f"http://127.0.0.1:{closed_port}"))
    assert caught.value.outcome_known
    assert caught.value.retryable


def test_a_name_that_is_not_found_means_that_nothing_was_sent(shell):
    with pytest.raises(UnavailableError) as caught:
        shell.send(request("POST", "https://nothing.invalid"))
    assert caught.value.outcome_known


@pytest.mark.parametrize("bound", ["connect_timeout", "exchange", "remaining", "timeout"])
def test_a_connection_that_takes_too_long_means_that_nothing_was_sent(
    shell, full_port, until, bound
):
    given = until(0.1) if bound == "remaining" else 0.1
    with pytest.raises((UnavailableError, DeadlineTooShortError)) as caught:
        shell.send(request("POST", f"http://127.0.0.1:{full_port}"), **{bound: given})
    assert getattr(caught.value, "outcome_known", True)


def test_an_answer_that_does_not_come_is_waited_for_no_longer_than_the_timeout(shell, serve):
    peer = serve(lambda line: (line.request(), line.hold()))
    with pytest.raises(OutcomeUnknownError):
        shell.send(request("POST", peer.url), timeout=0.5)


def test_a_request_may_have_less_time_than_the_transport(shell, serve):
    peer = serve(lambda line: (line.request(), line.answer(), line.request(), line.hold()))
    transport = shell.open(timeout=60.0)
    shell.send(Request(method="GET", url=peer.url), transport)  # connecting has its own time
    with pytest.raises(OutcomeUnknownError):
        shell.send(Request(method="GET", url=peer.url, timeout=0.5), transport)


def test_a_request_may_not_have_more_time_than_the_transport(shell, serve):
    peer = serve(lambda line: (line.request(), line.hold()))
    with pytest.raises(OutcomeUnknownError):
        shell.send(Request(method="GET", url=peer.url, timeout=60.0), timeout=1.0)


def test_nothing_is_sent_when_no_time_is_left(shell, listen):
    peer = listen()
    with pytest.raises(DeadlineTooShortError):
        shell.send(request("POST", peer.url), remaining=lambda: 0.0)
    assert not peer.heard


def answer_once(line):
    if line.number == 0:
        line.answer(line.request().target)
    else:
        line.peer.script = answers
        answers(line)


def answers(line):
    while True:
        line.answer(line.request().target)


@pytest.mark.parametrize("method", METHODS)
def test_a_kept_connection_that_was_closed_long_ago_is_left_for_a_new_one(shell, serve, method):
    peer = serve(answer_once)
    transport = shell.open()
    shell.send(request(method, peer.url, "/1"), transport)
    peer.wait_for(lambda: not peer._open)
    shell.settle()
    assert shell.send(request(method, peer.url, "/2"), transport).body == b"/2"
    assert peer.targets == [b"/1", b"/2"]


@pytest.mark.parametrize("method", METHODS)
def test_a_kept_connection_that_closes_at_once_sends_nothing_twice(shell, serve, method):
    peer = serve(answer_once)
    transport = shell.open()
    shell.send(request(method, peer.url, "/1"), transport)
    second = shell.outcome(request(method, peer.url, "/2"), transport)
    told(peer, second, b"/2")


@pytest.mark.parametrize("method", METHODS)
def test_a_kept_connection_that_closes_under_the_request_leaves_its_outcome_unknown(
    shell, serve, method
):
    def script(line):
        line.answer(line.request().target)
        line.request()

    peer = serve(script)
    transport = shell.open()
    shell.send(request(method, peer.url, "/1"), transport)
    with pytest.raises(OutcomeUnknownError):
        shell.send(request(method, peer.url, "/2"), transport)
    assert peer.targets == [b"/1", b"/2"]


def told(peer, outcome, target):
    """The outcome says what the server saw, which is at most once the request."""
    seen = peer.targets.count(target)
    assert seen <= 1
    if isinstance(outcome, Response):
        assert (seen, outcome.body) == (1, target)
    elif outcome.outcome_known:
        assert seen == 0
