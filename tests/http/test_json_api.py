"""An API in JSON: what becomes of its answers, and how it is asked."""

import asyncio

import msgspec
import pytest

from hardpoint.core.errors import (
    InvalidRequestError,
    NotFoundError,
    OutcomeUnknownError,
    UnexpectedResponseError,
)
from hardpoint.core.secrets import Secret
from hardpoint.http.auth import bearer
from hardpoint.http.client import ApiClient
from hardpoint.http.errors import ErrorTable, Known, Problem
from hardpoint.http.json_api import JsonApi
from hardpoint.http.messages import Response

SECRET = "hush-hush"
NESTED = b"[" * 200_000


class Item(msgspec.Struct):
    id: str
    note: object = None


class Refused(msgspec.Struct):
    error: str = ""
    said: str = ""

    def problem(self, reply):
        return Problem(status=reply.status, code=self.error or None, message=self.said)


class Recorder:
    """Gives one answer, and keeps what it was sent."""

    def __init__(self, status=200, body=b"{}", headers=()):
        self.reply = Response(status=status, headers=dict(headers), body=body)
        self.requests = []

    async def send(self, request):
        self.requests.append(request)
        return self.reply


def api(transport, **options):
    client = ApiClient(
        transport,
        base_url="https://api.acme.example",
        hosts={"api.acme.example"},
        authorization=bearer(Secret.value(SECRET)),
    )
    table = ErrorTable("acme", {"gone": Known(NotFoundError, "", "")}, request_id="acme-request")
    return JsonApi(client, table, refusal=Refused, **options)


def get(transport, **options):
    return asyncio.run(api(transport, **options).get("/items/1", Item))


def test_a_success_is_read():
    transport = Recorder(body=b'{"id": "1", "new": true}')
    assert get(transport) == Item(id="1")
    (request,) = transport.requests
    assert (request.method, request.url) == ("GET", "https://api.acme.example/items/1")
    assert request.body == b""
    assert "content-type" not in dict(request.headers)


@pytest.mark.parametrize(
    "body", [b"", b"{}", b"[]", b"<html>", b'{"id": 5}', b"\xff", b'{"id": "1", "note":' + NESTED]
)
def test_a_success_in_no_shape_is_none_and_may_have_acted(body):
    transport = Recorder(201, body, {"acme-request": "r7"})
    with pytest.raises(UnexpectedResponseError) as caught:
        get(transport, success={200, 201})
    assert not caught.value.outcome_known
    assert (caught.value.provider, caught.value.status) == ("acme", 201)
    assert caught.value.request_id == "r7"


@pytest.mark.parametrize("status", [201, 204, 302])
def test_a_status_that_is_no_success_is_none_whatever_its_body(status):
    with pytest.raises(UnexpectedResponseError) as caught:
        get(Recorder(status, b'{"id": "1"}'))
    assert not caught.value.outcome_known


def test_a_refusal_is_the_tables_and_keeps_secrets():
    body = msgspec.json.encode({"error": "gone", "said": f"no {SECRET}"})
    with pytest.raises(NotFoundError) as caught:
        get(Recorder(400, body, {"acme-request": "r7", "retry-after": "3"}))
    assert (caught.value.vendor_code, caught.value.request_id) == ("gone", "r7")
    assert caught.value.retry_after == 3.0
    assert str(caught.value) == "acme answered 400 gone: no ****"


@pytest.mark.parametrize("body", [b"", b"<html>", b'{"error": 5}', b"[]", b'{"x":' + NESTED])
def test_a_refusal_in_no_shape_goes_by_its_status(body):
    with pytest.raises(OutcomeUnknownError) as caught:
        get(Recorder(502, body))
    assert (caught.value.status, caught.value.vendor_code) == (502, None)


@pytest.mark.parametrize(
    ("options", "kind", "body"),
    [
        ({"form": b"a=1"}, "application/x-www-form-urlencoded", b"a=1"),
        ({"form": b""}, "application/x-www-form-urlencoded", b""),
        ({"document": {"a": 1}}, "application/json", b'{"a":1}'),
        ({"document": []}, "application/json", b"[]"),
        ({}, None, b""),
    ],
)
def test_a_body_is_a_form_or_a_document(options, kind, body):
    transport = Recorder(body=b'{"id": "1"}')
    headers = [("idempotency-key", "k")]
    asyncio.run(api(transport).post("/items", Item, headers=headers, **options))
    (request,) = transport.requests
    sent = dict(request.headers)
    assert (request.method, sent.get("content-type"), request.body) == ("POST", kind, body)
    assert sent["idempotency-key"] == "k"


@pytest.mark.parametrize("document", [{"a": object()}, {"a": "\ud800"}])
def test_a_document_that_cannot_be_written_is_not_sent(document):
    transport = Recorder()
    with pytest.raises(InvalidRequestError) as caught:
        asyncio.run(api(transport).send("PUT", "/items", document=document))
    assert caught.value.field == "extra.acme"
    assert not transport.requests
