"""Answers, mutated: read in one way however they are split, and never as the answer to another."""

import h11
import pytest

from hardpoint.http.limits import Limits
from hardpoint.http.wire.incoming import Incoming

OK = b"HTTP/1.1 200 OK\r\n"
CHUNKED = OK + b"transfer-encoding: chunked\r\n\r\n"
CORPUS = [
    OK + b"content-length: 4\r\nx-a: 1\r\n\r\nbody",
    OK + b"Content-Length: 0\r\n\r\n",
    OK + b"\r\nuntil it closes",
    CHUNKED + b"4\r\nbody\r\n0\r\n\r\n",
    CHUNKED + b"2;a=b\r\nbo\r\n02\r\ndy\r\n0;c\r\nx-sum: 1\r\n\r\n",
    b"HTTP/1.1 100 Continue\r\n\r\n" + OK + b"content-length: 2\r\n\r\nhi",
    b"HTTP/1.1 103 Early Hints\r\nlink: </a>\r\n\r\n" + CHUNKED + b"1\r\n.\r\n0\r\n\r\n",
    b"HTTP/1.1 204 No Content\r\nserver: x\r\n\r\n",
    b"HTTP/1.1 304 Not Modified\r\ncontent-length: 10\r\netag: x\r\n\r\n",
    b"HTTP/1.0 200 OK\r\ncontent-length: 4\r\nconnection: keep-alive\r\n\r\nbody",
    b"HTTP/1.1 500 Oh no\r\nconnection: close\r\ncontent-length: 3\r\n\r\nbad",
    OK + b"content-encoding: gzip\r\ncontent-length: 2\r\n\r\n\x1f\x8b",
    OK + b"content-length: 60\r\n\r\n" + b"x" * 60,
    CHUNKED + b"3c\r\n" + b"y" * 60 + b"\r\n0\r\n\r\n",
    OK + b"set-cookie: a=1\r\nset-cookie: b=2; path=/\r\ncontent-length: 0\r\n\r\n",
    b"HTTP/1.1 101 Switching Protocols\r\nupgrade: x\r\nconnection: upgrade\r\n\r\n",
]
LIMITS = (
    Limits(body_bytes_max=50),
    Limits(body_bytes_max=50, cut=True),
    Limits(),
)
NEXT = OK + b"content-length: 16\r\n\r\nnobody asked for"


def read(pieces, limits, *, bodiless=False):
    """What comes of an answer in pieces, and whether its connection may serve on.

    Bytes that are left when it is over are found on the connection, which is then dropped.
    """
    answer = Incoming(limits, bodiless=bodiless)
    left = iter(pieces)
    for piece in left:
        if answer.feed(piece):
            break
    else:
        answer.close()
    answer.release()
    surplus = b"".join(left)
    if not answer.whole:
        return "none", False
    response = answer.response()
    headers = tuple((name, tuple(response.headers.all(name))) for name in response.headers)
    return (response.status, headers, response.body), answer.reusable and not surplus


def test_no_answer_depends_on_how_it_is_split(mutations, count):
    for _ in range(count):
        data = mutations.of(CORPUS)
        limits = mutations.chance.choice(LIMITS)
        bodiless = mutations.chance.random() < 0.1
        whole = read([data], limits, bodiless=bodiless)
        single = read([data[at : at + 1] for at in range(len(data))], limits, bodiless=bodiless)
        some = read(mutations.pieces(data), limits, bodiless=bodiless)
        assert whole == single == some, (data, limits, bodiless)


def test_no_connection_serves_on_with_an_answer_that_nobody_asked_for(mutations, count):
    for _ in range(count):
        first = mutations.of(CORPUS)
        data = first + NEXT
        bodiless = mutations.chance.random() < 0.1
        pieces = [data] if mutations.chance.random() < 0.5 else mutations.pieces(data)
        outcome, reusable = read(pieces, Limits(), bodiless=bodiless)
        if reusable:  # only if the first one took it all for its own body
            assert outcome[2].endswith(b"nobody asked for"), data


def by_h11(data):
    """Status and body, or None for no answer."""
    client = h11.Connection(h11.CLIENT)
    client.send(h11.Request(method="GET", target="/", headers=[("host", "x")]))
    client.send(h11.EndOfMessage())
    status, body = None, b""
    try:
        for piece in (data, b""):
            client.receive_data(piece)
            while True:
                event = client.next_event()
                match event:
                    case h11.Response():
                        status = event.status_code
                    case h11.Data():
                        body += bytes(event.data)
                    case h11.EndOfMessage():
                        return status, body
                    case h11.InformationalResponse():
                        pass
                    case _:
                        break
    except h11.RemoteProtocolError:
        pass
    return None


def test_h11_reads_the_same_where_both_take_it(mutations, count):
    both = 0
    for _ in range(count):
        data = mutations.of(CORPUS)
        ours, _ = read([data], Limits(cut=True))
        theirs = by_h11(data)
        if ours != "none" and theirs is not None:
            both += 1
            assert (ours[0], ours[2]) == theirs, data
    assert both > count // 20


@pytest.mark.parametrize("data", CORPUS)
def test_the_good_ones_are_read_by_both(data):
    taken = read([data], Limits(cut=True))[0] != "none"
    assert taken == (by_h11(data) is not None) or b"101" in data
