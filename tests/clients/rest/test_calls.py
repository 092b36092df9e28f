"""Calls: what is sent, what comes back, and what is refused before anything is sent."""

import asyncio
import dataclasses
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from pathlib import Path
from typing import TypedDict
from uuid import UUID

import msgspec
import pydantic
import pytest

from hardpoint.clients import RestAnswer, RestSettings
from hardpoint.clients.rest.requests import PIECE_BYTES
from hardpoint.core.errors import (
    ConflictError,
    DeclinedError,
    InvalidRequestError,
    NotFoundError,
    OutcomeUnknownError,
    PermissionDeniedError,
    PreconditionFailedError,
    RateLimitedError,
    UnexpectedResponseError,
)
from hardpoint.core.secrets import Secret
from hardpoint.fakes.faults import status
from hardpoint.fakes.messages import FakeReply
from hardpoint.http.wire.trust import Trust


@dataclasses.dataclass
class Deal:
    id: int
    name: str


class DealDict(TypedDict):
    id: int
    name: str


class DealStruct(msgspec.Struct):
    id: int
    name: str


class DealModel(pydantic.BaseModel):
    id: int
    name: str


ROOF = {"id": 7, "name": "Roof"}


@pytest.mark.parametrize(
    ("into", "expected"),
    [
        (Deal, Deal(7, "Roof")),
        (DealDict, ROOF),
        (DealStruct, DealStruct(7, "Roof")),
        (DealModel, DealModel(id=7, name="Roof")),
        (dict, ROOF),
    ],
)
def test_an_answer_is_read_into_what_was_asked_for(api, into, expected):
    api.fake.on("GET /deals/7", ROOF)
    assert api.do(api.client().get("/deals/{id}", id=7, into=into)) == expected
    assert api.attempts == 1


def test_lists_and_models_within_them_are_read(api):
    api.fake.on("GET /deals", [ROOF, ROOF])
    crm = api.client()
    assert api.do(crm.get("/deals", into=list[DealModel])) == [DealModel(**ROOF)] * 2
    assert api.do(crm.get("/deals", into=list[Deal])) == [Deal(**ROOF)] * 2


def test_without_a_type_the_answer_itself_is_given(api):
    api.fake.on("GET /deals/7", ROOF, headers=(("etag", '"v1"'), ("x-a", "1"), ("x-a", "2")))
    answer = api.do(api.client().get("/deals/7"))
    assert isinstance(answer, RestAnswer)
    assert (answer.status, answer.etag, answer.json()) == (200, '"v1"', ROOF)
    assert (answer.headers.all("X-A".lower()), answer.text) == (
        ["1", "2"],
        '{"id":7,"name":"Roof"}',
    )
    assert repr(answer) == "RestAnswer(200, 22 bytes)"


def test_a_connection_has_a_path_and_headers_of_its_own(api):
    api.fake.on("GET /v2/deals", [])
    crm = api.client(base="/v2/", headers={"X-Version": "2026-01-01"})
    api.do(crm.get("/deals", headers={"X-Own": "1"}))
    assert api.last.headers["x-version"] == "2026-01-01"
    assert api.last.headers["x-own"] == "1"
    assert api.last.headers["user-agent"].startswith("hardpoint/")


@pytest.mark.parametrize(
    ("verb", "method"),
    [("post", "POST"), ("put", "PUT"), ("patch", "PATCH"), ("delete", "DELETE"), ("head", "HEAD")],
)
def test_every_verb_is_sent(api, verb, method):
    api.fake.on(f"{method} /deals", {"ok": True})
    answer = api.do(getattr(api.client(), verb)("/deals"))
    assert (answer.status, api.last.method) == (200, method)


def test_any_method_can_be_sent(api):
    api.fake.on("PURGE /deals", {"ok": True})
    assert api.do(api.client().request("purge", "/deals", into=dict)) == {"ok": True}


@pytest.mark.parametrize(
    ("options", "kind", "body"),
    [
        ({"json": {"a": [1, None]}}, "application/json", b'{"a":[1,null]}'),
        ({"json": DealStruct(1, "x")}, "application/json", b'{"id":1,"name":"x"}'),
        ({"json": DealModel(id=1, name="x")}, "application/json", b'{"id":1,"name":"x"}'),
        (
            {"form": {"a": "x y", "b": [1, 2]}},
            "application/x-www-form-urlencoded",
            b"a=x+y&b=1&b=2",
        ),
        ({"content": b"\x00\x01"}, "application/octet-stream", b"\x00\x01"),
        ({"content": "é", "content_type": "text/plain"}, "text/plain", "é".encode()),
        (
            {"json": [], "content_type": "application/vnd.api+json"},
            "application/vnd.api+json",
            b"[]",
        ),
    ],
)
def test_a_body_is_sent_with_what_it_is(api, options, kind, body):
    api.fake.on("POST /deals", {})
    api.do(api.client().post("/deals", **options))
    assert (api.last.headers["content-type"], api.last.body) == (kind, body)


def test_a_file_is_sent_from_its_beginning_in_each_attempt(api, tmp_path):
    path = tmp_path / "big.bin"
    path.write_bytes(b"x" * 200_000)
    api.fake.on("PUT /files/1", {})
    api.server.faults.next(status(503))
    api.do(api.client().put("/files/1", content=path))
    assert (api.attempts, len(api.last.body)) == (2, 200_000)


class Readers(ThreadPoolExecutor):
    """The threads of a loop, which count what they are given."""

    given = 0

    def submit(self, function, /, *args, **options):
        self.given += 1
        return super().submit(function, *args, **options)


@pytest.mark.parametrize("mode", ["async"], indirect=True)
def test_a_file_is_read_beside_the_loop(api, tmp_path):
    path, readers = tmp_path / "big.bin", Readers(1)
    path.write_bytes(b"x" * (PIECE_BYTES + 1))
    api.fake.on("PUT /files/1", {})

    async def put():
        asyncio.get_running_loop().set_default_executor(readers)
        await api.client().put("/files/1", content=path)

    api.do(put())
    assert readers.given == 3  # it is opened, and read twice: its size is known
    assert len(api.last.body) == PIECE_BYTES + 1


@pytest.mark.parametrize("what", ["absent", "a folder"])
def test_a_file_that_cannot_be_read_is_refused(api, tmp_path, what):
    path = tmp_path / "absent" if what == "absent" else tmp_path
    error = api.fails(api.client().put, "/files/1", content=path)
    assert (type(error), error.field, api.server.requests) == (InvalidRequestError, "content", 0)


@pytest.mark.parametrize(
    ("query", "target"),
    [
        ({"q": "a b&c=d/é"}, "/deals?q=a%20b%26c%3Dd%2F%C3%A9"),
        ({"a": True, "b": None, "c": [1, 2]}, "/deals?a=true&c=1&c=2"),
        ([("a", 1), ("a", Decimal("1.50"))], "/deals?a=1&a=1.50"),
        ({"a": None}, "/deals"),
        ({}, "/deals"),
    ],
)
def test_a_query_is_encoded_by_us(api, query, target):
    api.fake.on("GET /deals", [])
    api.do(api.client().get("/deals", query=query))
    assert api.last.target == target


@pytest.mark.parametrize(
    ("value", "target"),
    [
        ("a/b?c#d", "/deals/a%2Fb%3Fc%23d"),
        ("é ..", "/deals/%C3%A9%20.."),
        (UUID(int=1), "/deals/00000000-0000-0000-0000-000000000001"),
        ("\r\nX: 1", "/deals/%0D%0AX%3A%201"),
    ],
)
def test_what_fills_a_place_stays_one_segment(api, value, target):
    api.fake.on("GET *", {})
    api.do(api.client().get("/deals/{id}", id=value))
    assert api.last.target == target


@pytest.mark.parametrize(
    ("path", "params", "field"),
    [
        ("/deals/{id}", {}, "id"),
        ("/deals/{id}", {"id": ""}, "id"),
        ("/deals/{id}", {"id": ".."}, "id"),
        ("/deals/{id}", {"id": "."}, "id"),
        ("/deals/{id}", {"id": None}, "id"),
        ("/deals/{id}", {"id": True}, "id"),
        ("/deals/{id}", {"id": 1.5}, "id"),
        ("/deals/{id}", {"id": 1, "other": 2}, "other"),
        ("/deals", {"id": 1}, "id"),
        ("/deals/{}", {}, "path"),
        ("/deals/{a b}", {}, "path"),
        ("/deals/{", {}, "path"),
        ("deals", {}, "path"),
        ("", {}, "path"),
        ("//evil.example/x", {}, "path"),
        ("https://evil.example/x", {}, "path"),
        ("/a/../b", {}, "path"),
        ("/a/%2e%2e/b", {}, "path"),
        ("/a/..", {}, "path"),
        ("/a b", {}, "path"),
        ("/a\r\nHost: x", {}, "path"),
        ("/a\\b", {}, "path"),
        ("/é", {}, "path"),
        ("/deals?x=1", {}, "path"),
        ("/deals#x", {}, "path"),
    ],
)
def test_a_path_that_is_none_is_refused_before_anything_is_sent(api, path, params, field):
    error = api.fails(api.client().get, path, **params)
    assert (type(error), error.field, api.server.requests) == (InvalidRequestError, field, 0)


@pytest.mark.parametrize(
    ("options", "field"),
    [
        ({"query": {"a": object()}}, "query.a"),
        ({"query": {"a": [b"x"]}}, "query.a"),
        ({"json": object()}, "json"),
        ({"json": {}, "form": {}}, "json"),
        ({"form": {}, "content": b""}, "form"),
        ({"headers": {"Authorization": "x"}}, "headers.Authorization"),
        ({"headers": {"host": "x"}}, "headers.host"),
        ({"repeat": "often"}, "repeat"),
        ({"idempotency_key": ""}, "idempotency_key"),
    ],
)
def test_an_argument_that_is_wrong_is_refused_before_anything_is_sent(api, options, field):
    error = api.fails(api.client().post, "/deals", **options)
    assert (type(error), error.field, api.server.requests) == (InvalidRequestError, field, 0)


def test_a_secret_in_a_query_is_refused(api):
    crm = api.client(auth="bearer", key=Secret.value("sk_live_123"))
    error = api.fails(crm.get, "/deals", query={"key": "sk_live_123"})
    assert (type(error), error.field, api.server.requests) == (InvalidRequestError, "query.key", 0)
    assert "sk_live_123" not in str(error)


def test_what_tls_stands_on_is_handed_to_the_transport():
    files = {"certificate": Path("ours.pem"), "authorities": Path("theirs.pem")}
    settings = RestSettings(base_url="https://api.example", auth="mtls", **files)
    assert settings.trust == Trust(**files)
    settings = RestSettings(base_url="https://api.example", auth="none")
    assert settings.trust is None


# What comes back


@pytest.mark.parametrize(
    ("body", "kind", "words"),
    [
        (b"<html>down</html>", "text/html", "is text/html, not JSON: <html>down"),
        (b'{"id": "', "application/json", "does not fit Deal"),
        (
            b'{"id": "x", "name": "y"}',
            "application/json",
            r"Expected `int`, got `str` - at `\$.id`",
        ),
        (b'{"id": 1}', "application/json", "missing required field `name`"),
        (b"\xff\xfe", "application/json; charset=utf-8", "does not fit Deal"),
        (b"", "application/json", "does not fit Deal"),
        (b"[" * 100_000, "application/json", "does not fit Deal"),
    ],
)
@pytest.mark.parametrize("verb", ["get", "post"])
def test_an_answer_that_does_not_fit_is_told_where_and_never_repeated(api, verb, body, kind, words):
    api.fake.on("* /deals", lambda request: FakeReply(headers=(("content-type", kind),), body=body))
    with pytest.raises(UnexpectedResponseError, match=words) as caught:
        api.do(getattr(api.client(), verb)("/deals", into=Deal))
    assert (caught.value.outcome_known, caught.value.status, api.attempts) == (True, 200, 1)


def test_an_answer_without_a_content_type_is_tried(api):
    api.fake.on("GET /deals", lambda request: FakeReply(body=b'{"id": 1, "name": "x"}'))
    assert api.do(api.client().get("/deals", into=Deal)) == Deal(1, "x")


def test_what_cannot_be_read_is_told_with_what_is_secret_left_out(api):
    page = b"<p>token_abcdef123 and topsecret</p>"
    reply = FakeReply(headers=(("content-type", "text/html"),), body=page)
    api.fake.on("GET /deals", lambda request: reply)
    crm = api.client(auth="bearer", key=Secret.value("topsecret"))
    error = api.fails(crm.get, "/deals", into=Deal)
    assert "<p>**** and ****</p>" in str(error)


@pytest.mark.parametrize(
    ("code", "document", "error", "vendor_code"),
    [
        (404, {"error": {"code": "no_deal", "message": "No deal"}}, NotFoundError, "no_deal"),
        (409, {"code": 17, "message": "x"}, ConflictError, "17"),
        (
            403,
            {"error": "forbidden", "error_description": "no"},
            PermissionDeniedError,
            "forbidden",
        ),
        (
            422,
            {"type": "https://x.example/bad", "title": "Bad"},
            InvalidRequestError,
            "https://x.example/bad",
        ),
        (412, {"type": "about:blank"}, PreconditionFailedError, None),
        (400, [], InvalidRequestError, None),
        (418, {"code": True}, UnexpectedResponseError, None),
    ],
)
def test_a_refusal_is_one_of_our_errors_and_never_repeated(api, code, document, error, vendor_code):
    api.fake.on("GET /deals", document, status=code, headers=(("x-request-id", "r-1"),))
    found = api.fails(api.client().get, "/deals")
    assert (type(found), found.status, found.vendor_code) == (error, code, vendor_code)
    assert (found.request_id, found.provider, api.attempts) == ("r-1", "127.0.0.1", 1)
    assert found.operation == "GET /deals"


def test_a_refusal_that_is_no_json_goes_by_its_status(api):
    api.fake.on("GET /a", lambda request: FakeReply(status=404, body=b"<h1>"))
    reply = FakeReply(status=404, headers=(("content-type", "text/html"),), body=b"<h1>")
    api.fake.on("GET /b", lambda request: reply)
    assert type(api.fails(api.client().get, "/a")) is NotFoundError
    assert type(api.fails(api.client().get, "/b")) is NotFoundError


def test_settings_say_where_code_and_message_stand_and_what_codes_mean(api):
    crm = api.client(
        error={"code": "/errors/0/id", "message": "/errors/0/text"},
        errors={
            "slow": "rate_limited",
            "409 gone": "not_found",
            "402": "declined",
            "409": "idempotency_conflict",
        },
    )

    def found(code, name):
        api.fake.on("POST /x", {"errors": [{"id": name, "text": "words"}]}, status=code)
        return api.fails(crm.post, "/x")

    assert type(found(400, "slow")) is RateLimitedError
    assert "words" in str(found(409, "gone"))
    assert type(found(409, "gone")) is NotFoundError
    declined = found(402, "do_not_honor")
    assert (type(declined), declined.reason) == (DeclinedError, "do_not_honor")
    assert found(409, "other").code == "idempotency_conflict"


# Repeats


@pytest.mark.parametrize(
    ("verb", "attempts"), [("get", 2), ("put", 2), ("delete", 2), ("post", 1), ("patch", 1)]
)
def test_what_may_be_repeated_goes_by_the_verb(api, verb, attempts):
    api.fake.on("* /deals", {"ok": True})
    api.server.faults.next(status(503))
    crm = api.client()
    if attempts == 1:
        assert type(api.fails(getattr(crm, verb), "/deals")) is OutcomeUnknownError
    else:
        assert api.do(getattr(crm, verb)("/deals")).status == 200
    assert api.attempts == attempts


def test_a_caller_who_knows_better_says_so(api):
    api.fake.on("* /deals", {"ok": True})
    crm = api.client()
    api.server.faults.next(status(503))
    assert api.do(crm.patch("/deals", json={}, repeat="idempotent")).status == 200
    api.server.faults.next(status(503))
    assert type(api.fails(crm.put, "/deals", repeat="never")) is OutcomeUnknownError
    assert api.attempts == 3


def test_under_a_key_that_the_api_honours_a_post_is_repeated_with_it(api):
    api.fake.on("POST /deals", {"id": 7, "name": "x"})
    api.server.faults.next(status(503))
    crm = api.client(idempotency_header="Idempotency-Key")
    made = api.do(crm.post("/deals", json={}, into=Deal, idempotency_key="order-7"))
    assert (made, api.attempts, api.last.headers["idempotency-key"]) == (Deal(7, "x"), 2, "order-7")


def test_without_a_key_of_the_callers_one_is_made_for_the_call(api):
    api.fake.on("POST /deals", {})
    api.server.faults.next(status(503))
    crm = api.client(idempotency_header="X-Idempotency")
    api.do(crm.post("/deals"))
    first, second = (one.headers["x-idempotency"] for one in [api.last, api.last])
    assert (first, api.attempts) == (second, 2)
    api.do(crm.post("/deals"))
    assert api.last.headers["x-idempotency"] != first


def test_a_key_that_no_header_carries_is_replaced_by_one_that_does(api):
    api.fake.on("POST /deals", {})
    crm = api.client(idempotency_header="Idempotency-Key", key_length_max=40)
    for key in ("schlüssel", "x" * 41, " x"):
        api.do(crm.post("/deals", idempotency_key=key))
        assert api.last.headers["idempotency-key"].startswith("hp1-")


def test_a_call_in_doubt_carries_its_key(api):
    api.server.faults.next(status(500), times=3)
    crm = api.client(idempotency_header="Idempotency-Key")
    error = api.fails(crm.post, "/deals", idempotency_key="order-7")
    assert (type(error), error.idempotency_key, error.repeatable) == (
        OutcomeUnknownError,
        "order-7",
        True,
    )


def test_a_precondition_is_sent(api):
    api.fake.on("PATCH /deals/7", {}, status=412)
    error = api.fails(api.client().patch, "/deals/7", json={}, if_match='"v1"')
    assert type(error) is PreconditionFailedError
    assert api.last.headers["if-match"] == '"v1"'
    api.fails(api.client().patch, "/deals/7", json={}, if_match='"v1"', headers={"x-a": "1"})
    assert (api.last.headers["if-match"], api.last.headers["x-a"]) == ('"v1"', "1")
