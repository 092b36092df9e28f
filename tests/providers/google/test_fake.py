"""What the fake refuses, as the vendor does: each with its status, and its reason."""

import json
import time

import httpx2
import pytest

from hardpoint.fakes.messages import Received
from hardpoint.providers.google.fake import BUCKET, FakeStorage
from hardpoint.runtime.blocking import run

OBJECTS, UPLOADS = f"/storage/v1/b/{BUCKET}/o", f"/upload/storage/v1/b/{BUCKET}/o"
EDGE = {"content-type": "multipart/related; boundary=x"}
PUT = b'--x\r\n\r\n{"name": "a"}\r\n--x\r\ncontent-type: a/b\r\n\r\nhello\r\n--x--\r\n'


@pytest.fixture
def ask(vendor):
    vendor.account._tokens["t"] = 2e9

    def ask(method, target, body=b"", **headers):
        named = {"authorization": "Bearer t", "host": "h"}
        named |= {name.replace("_", "-"): one for name, one in headers.items()}
        return vendor.answer(Received(method=method, target=target, headers=named, body=body))

    return ask


@pytest.mark.parametrize(
    ("method", "target", "body", "headers", "status", "reason"),
    [
        ("GET", "/elsewhere", b"", {}, 404, "notFound"),
        ("GET", f"{OBJECTS}?surprise=1", b"", {}, 400, "invalid"),
        ("GET", f"{OBJECTS}/a", b"", {"authorization": ""}, 401, "required"),
        ("GET", f"{OBJECTS}/a", b"", {"authorization": "Bearer x"}, 401, "authError"),
        ("PATCH", f"{OBJECTS}/a", b"", {}, 400, "invalid"),
        ("DELETE", f"{OBJECTS}/a", b"", {}, 404, "notFound"),
        ("POST", f"{UPLOADS}?uploadType=media", b"", {}, 400, "invalid"),
        ("POST", f"{UPLOADS}?uploadType=multipart", b"", {}, 400, "invalid"),
        ("POST", f"{UPLOADS}?uploadType=resumable", b"{", {}, 400, "invalid"),
        ("POST", f"{UPLOADS}?uploadType=resumable", b"[]", {}, 400, "invalid"),
        ("POST", f"{UPLOADS}?uploadType=resumable", b'{"name": "a", "x": 1}', {}, 400, "invalid"),
        ("PUT", f"{UPLOADS}?upload_id=none", b"", {"content-range": "bytes */1"}, 404, "notFound"),
        ("PUT", f"{UPLOADS}?upload_id=none", b"", {}, 400, "invalid"),
        (
            "POST",
            f"{UPLOADS}?uploadType=multipart",
            PUT.replace(b'"a"', b'"a", "md5Hash": "AAAA"'),
            EDGE,
            400,
            "invalid",
        ),
        ("GET", f"/{BUCKET}/a", b"", {}, 403, "forbidden"),
        ("POST", f"/{BUCKET}/", b"", {}, 400, "invalid"),
        (
            "POST",
            f"/{BUCKET}/",
            b'--x\r\ncontent-disposition: form-data; name="key"\r\n\r\na\r\n--x--',
            {"content-type": "multipart/form-data; boundary=x"},
            400,
            "invalid",
        ),
    ],
)
def test_what_it_refuses(ask, vendor, method, target, body, headers, status, reason):  # noqa: PLR0917 - a row
    answer = ask(method, target, body, **headers)
    assert answer.status == status
    assert json.loads(answer.body)["error"]["errors"][0]["reason"] == reason
    assert vendor.ledger.entries("refusal", code=reason)


def test_a_piece_of_an_odd_size_that_is_not_the_last_is_refused(ask):
    begun = ask("POST", f"{UPLOADS}?uploadType=resumable", b'{"name": "a"}')
    session = begun.headers[0][1].removeprefix("http://h")
    assert ask("PUT", session, b"odd", content_range="bytes 0-2/*").status == 400
    assert ask("PUT", session, bytes(262_144), content_range="bytes 9-262152/*").status == 400


def test_a_range_behind_the_end_and_one_without_an_end(ask):
    assert ask("POST", f"{UPLOADS}?uploadType=multipart", PUT, **EDGE).status == 200
    assert ask("GET", f"{OBJECTS}/a?alt=media", range="bytes=5-").status == 416
    assert ask("GET", f"{OBJECTS}/a?alt=media", range="bytes=3-").body == b"lo"
    assert ask("GET", f"{OBJECTS}/a?alt=media&generation=1").status == 412


def test_a_url_that_has_ended_is_refused_and_so_is_a_method_that_is_not_known(vendor, store):
    store.put("a", b"hello")
    url = store.sign_url("a", expires=60)
    real = vendor.account._now
    vendor.account._now = lambda: real() + 61
    assert httpx2.get(url).status_code == 400
    form = store.sign_post("a", size_max=9, expires=60)
    vendor.account._now = lambda: real() + 600
    assert httpx2.post(form.url, data=dict(form.fields), files={"file": b"x"}).status_code == 400


def test_a_url_that_was_signed_for_a_method_that_is_not_known_does_nothing(driver):
    url = run(driver._signer.url("POST", "a", now=time.time(), expires=60, headers={}, query={}))
    assert httpx2.post(url).status_code == 405


def test_what_is_stored_again_as_it_was_is_no_effect(store, vendor):
    store.put("a", b"hello")
    store.put("a", b"hello")
    assert vendor.ledger.count("object") == 1


def test_a_form_with_what_was_not_allowed_is_refused(store):
    form = store.sign_post("a", size_max=9)
    for changes in ({"acl": "public-read"}, {"x-goog-signature": "00"}):
        sent = httpx2.post(form.url, data={**form.fields, **changes}, files={"file": b"x"})
        assert sent.status_code == 403


def test_a_token_is_given_for_what_the_accounts_key_has_signed(vendor):
    request = Received(method="POST", target="/token", headers={}, body=b"assertion=a.e30.c2ln")
    answer = vendor.answer(request)
    assert (answer.status, json.loads(answer.body)) == (400, {"error": "invalid_grant"})
    assert FakeStorage().account.document == vendor.account.document
