"""Redirects, compression, and answers that have not changed."""

import gzip

import pytest

from hardpoint.clients.rest.answers import RestAnswer
from hardpoint.clients.rest.fake import FakeRest
from hardpoint.clients.rest.remembered import Remembered
from hardpoint.core.errors import UnexpectedResponseError
from hardpoint.core.secrets import Secret
from hardpoint.fakes.messages import FakeReply
from hardpoint.fakes.server import FakeServer


def to(where, status=302):
    return lambda request: FakeReply(status=status, headers=(("location", where),))


@pytest.fixture
def crm(api):
    return api.client(base="/v2", auth="bearer", key=Secret.value("sk_live_123"))


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_is_not_followed_unless_that_is_asked_for(api, crm, status):
    api.fake.on("* /v2/a", to("/v2/b", status))
    api.fake.on("GET /v2/b", {"b": 1})
    for call in (crm.get, crm.post):
        error = api.fails(call, "/a")
        assert (type(error), error.status, error.outcome_known) == (
            UnexpectedResponseError,
            status,
            True,
        )
    assert api.attempts == 2
    assert api.do(crm.get("/a", redirects=1, into=dict)) == {"b": 1}
    assert api.last.headers["authorization"] == "Bearer sk_live_123"


def test_only_so_many_are_followed(api, crm):
    api.fake.on("GET /v2/a", to("/v2/a"))
    error = api.fails(crm.get, "/a", redirects=20)
    assert (type(error), api.server.requests) == (UnexpectedResponseError, 21)


def test_another_host_gets_no_credentials_and_only_where_it_is_listed(api, crm):
    with FakeServer(FakeRest()) as other:
        other.app.on("GET /c", {"c": 1})
        elsewhere = other.url.replace("127.0.0.1", "localhost")
        api.fake.on("GET /v2/a", to(f"{elsewhere}/c"))
        error = api.fails(crm.get, "/a", redirects=3)
        assert (type(error), other.requests) == (UnexpectedResponseError, 0)
        listed = api.client(
            base="/v2", auth="bearer", key=Secret.value("sk_live_123"), hosts=("localhost",)
        )
        found = api.do(
            listed.get("/a", redirects=3, into=dict, headers={"X-Own": "1", "accept": "a/b"})
        )
        [request] = other.app.received
    assert found == {"c": 1}
    assert "authorization" not in request.headers
    assert "x-own" not in request.headers
    assert request.headers["accept"] == "a/b"


@pytest.mark.parametrize(
    "where",
    [
        "http://evil.example/",
        "https://evil.example/",
        "ftp://x/",
        "http://[",
        "//evil.example/",
        "x://",
    ],
)
def test_what_leads_elsewhere_is_refused(api, crm, where):
    api.fake.on("GET /v2/a", to(where))
    assert type(api.fails(crm.get, "/a", redirects=3)) is UnexpectedResponseError
    assert api.server.requests == 1


def test_a_downgrade_to_http_is_refused(api):
    from hardpoint.clients import RestDriver, RestSettings
    from hardpoint.clients.rest.requests import RestRequest
    from hardpoint.http.messages import Response
    from hardpoint.runtime.blocking import run

    sent = []

    class Transport:
        async def send(self, request):
            sent.append(request)
            where = {"location": "http://localhost/b"}
            return Response(status=302, headers=where, body=b"")

    driver = RestDriver(
        Transport(),
        RestSettings(base_url="https://api.example", auth="none", hosts=("localhost",)),
    )
    with pytest.raises(UnexpectedResponseError):
        run(driver.send(RestRequest(method="GET", target="/a", redirects=2)))
    assert len(sent) == 1


def test_a_compressed_answer_is_unfolded_within_bounds(api):
    body = gzip.compress(b'{"a": "' + b"x" * 100_000 + b'"}')
    reply = FakeReply(
        headers=(("content-type", "application/json"), ("content-encoding", "gzip")), body=body
    )
    api.fake.on("GET /a", lambda request: reply)
    crm = api.client()
    assert len(api.do(crm.get("/a", compressed=True, into=dict))["a"]) == 100_000
    assert type(api.fails(crm.get, "/a")) is UnexpectedResponseError
    small = api.client(body_bytes_max=10_000)
    error = api.fails(small.get, "/a", compressed=True)
    assert "unfolds to more than 10000 bytes" in str(error)
    assert (error.provider, error.status) == ("127.0.0.1", 200)


def test_an_api_that_does_not_compress_is_taken_as_it_is(api):
    api.fake.on("GET /a", {"a": 1})
    assert api.do(api.client().get("/a", compressed=True, into=dict)) == {"a": 1}


# What has not changed


@pytest.mark.parametrize("validator", ["etag", "last-modified"])
def test_what_has_not_changed_is_not_sent_anew(api, validator):
    asked = {"etag": "if-none-match", "last-modified": "if-modified-since"}[validator]

    def serve(request):
        if request.headers.get(asked) == "v1":
            return FakeReply(status=304)
        return FakeReply.json({"a": 1}, 200, (validator, "v1"))

    api.fake.on("GET /a", serve)
    crm = api.client()
    first, second = (api.do(crm.get("/a", conditional=True)) for _ in range(2))
    assert (first.unchanged, second.unchanged) == (False, True)
    assert (second.json(), api.last.headers[asked]) == ({"a": 1}, "v1")
    assert api.do(crm.get("/a", conditional=True, into=dict)) == {"a": 1}
    api.do(crm.get("/a", conditional=True, query={"b": 1}))
    assert asked not in api.last.headers


def test_what_must_not_be_kept_is_not(api):
    api.fake.on("GET /a", {}, headers=(("etag", "v1"), ("cache-control", "private, No-Store")))
    api.fake.on("GET /b", {})
    crm = api.client()
    for path in ("/a", "/b"):
        for _ in range(2):
            api.do(crm.get(path, conditional=True))
        assert "if-none-match" not in api.last.headers


def test_not_changed_without_a_question_is_no_answer(api):
    api.fake.on("GET /a", None, status=304)
    assert type(api.fails(api.client().get, "/a", conditional=True)) is UnexpectedResponseError
    assert api.do(api.client().get("/a", headers={"if-none-match": '"v1"'})).status == 304


def test_memory_is_bounded():
    remembered = Remembered(bytes_max=10_000)
    pairs = [(b"etag", b"v")]
    for number in range(20):
        remembered.keep(f"/{number}", RestAnswer(200, pairs, b"x" * 1000))
    kept = [number for number in range(20) if remembered.get(f"/{number}")]
    assert 5 <= len(kept) < 10
    assert kept[-1] == 19
    remembered.keep("/19", RestAnswer(200, pairs, b"y" * 20_000))
    assert remembered.get("/19") is None
