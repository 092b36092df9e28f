"""What an API may answer, and what is made of it: bounded, typed, and asked for once."""

import gzip
import zlib

import brotli
import pytest

from hardpoint.clients.rest.fake import FakeRest
from hardpoint.core.errors import (
    ConflictError,
    InvalidRequestError,
    OutcomeUnknownError,
    ProviderError,
    UnexpectedResponseError,
)
from hardpoint.fakes.messages import FakeReply
from hardpoint.fakes.server import FakeServer
from hardpoint.sync import Hub

ZEROS = b"0" * (20 * 1024 * 1024)
BOMBS = {
    "gzip": lambda: gzip.compress(ZEROS, 1),
    "deflate": lambda: zlib.compress(ZEROS, 1),
    "br": lambda: brotli.compress(ZEROS, quality=1),
}


@pytest.mark.parametrize("encoding", BOMBS)
def test_a_bomb_is_refused_in_every_encoding_that_is_asked_for(api, encoding):
    headers = (("content-type", "application/json"), ("content-encoding", encoding))
    reply = FakeReply(headers=headers, body=BOMBS[encoding]())
    api.fake.on("GET /a", lambda request: reply)
    error = api.fails(api.client(body_bytes_max=2**30).get, "/a", compressed=True)
    assert type(error) is UnexpectedResponseError
    assert "more than it can be meant to" in str(error)
    assert (error.outcome_known, api.server.requests) == (True, 1)
    assert encoding in api.last.headers["accept-encoding"]


@pytest.mark.parametrize("verb", ["get", "post"])
def test_an_answer_that_is_too_large_is_refused_and_not_asked_for_again(tmp_path, verb):
    path = tmp_path / "hardpoint.toml"
    lines = '[connections.crm]\nprovider = "rest"\nauth = "none"\nbody_bytes_max = 1000\n'
    with FakeServer(FakeRest()) as server:
        server.app.on("* /a", lambda request: FakeReply(body=b"x" * 5000))
        path.write_text(f'{lines}base_url = "{server.url}"\n')
        call(path, verb, server)


def call(path, verb, server):
    with Hub.load(path) as hub, pytest.raises(ProviderError, match="larger than 1000") as refused:
        getattr(hub.rest("crm"), verb)("/a")
    wanted = UnexpectedResponseError if verb == "get" else OutcomeUnknownError
    assert (type(refused.value), server.requests) == (wanted, 1)


@pytest.mark.parametrize("document", [{}, {"problem": []}, [], "text", {"problem": {"code": {}}}])
def test_a_pointer_that_finds_nothing_leaves_the_status_to_decide(api, document):
    api.fake.on("GET /a", document, status=409)
    crm = api.client(error={"code": "/problem/code", "message": "/problem/0/text"})
    error = api.fails(crm.get, "/a")
    assert (type(error), error.vendor_code, error.status) == (ConflictError, None, 409)


@pytest.mark.parametrize(
    ("options", "field"),
    [
        ({"content": "\ud800"}, "content"),
        ({"content": 17}, "content"),
        ({"form": {"a": "\ud800"}}, "form"),
        ({"query": {"a": "\ud800"}}, "query.a"),
        ({"query": {"\ud800": "a"}}, "query"),
        ({"query": {"a": 10**5000}}, "query.a"),
        ({"id": "\ud800"}, "id"),
        ({"id": 10**5000}, "id"),
        ({"headers": {"x": 17}}, "headers.x"),
        ({"headers": {17: "x"}}, "headers"),
    ],
)
def test_what_cannot_be_written_is_refused_and_nothing_is_sent(api, options, field):
    path = "/a/{id}" if "id" in options else "/a"
    error = api.fails(api.client().post, path, **options)
    assert (type(error), error.field) == (InvalidRequestError, field)
    assert api.server.requests == 0
