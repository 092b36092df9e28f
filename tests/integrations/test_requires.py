"""An application of each framework lets callers in by their keys; all others hear the same."""

import asyncio
import base64
import io
import json
import time
import uuid
from typing import Annotated

import pytest
from django.conf import settings
from django.http import HttpResponse
from django.test import AsyncRequestFactory, RequestFactory
from fastapi import Depends, FastAPI, WebSocket
from fastapi.testclient import TestClient
from flask import Flask, g
from starlette.websockets import WebSocketDisconnect

from hardpoint import Hub
from hardpoint.api_keys import Principal
from hardpoint.api_keys.reading import CallerAnswer, answer_to
from hardpoint.core.errors import CallerError, MisuseError, StoreUnavailableError
from hardpoint.core.secrets import Secret
from hardpoint.http.messages import Request
from hardpoint.http.signing.rfc9421 import MessageSigner
from hardpoint.integrations import asgi, django, fastapi, flask
from hardpoint.sync import Hub as BlockingHub

if not settings.configured:
    settings.configure(ALLOWED_HOSTS=["*"], SECRET_KEY="for tests")

SECRET = base64.b64encode(b"s" * 32).decode()
SHOP = "https://shop.example"
CONFIGURATION = """
public_url = "https://shop.example"
[api_keys]
rate = 1
burst = 5
[api_keys.signed.partner]
secrets = ["env:PARTNER"]
scopes = ["read"]
tenant = "acme"
"""


@pytest.fixture
def config(tmp_path, monkeypatch):
    file = tmp_path / "hardpoint.toml"
    file.write_text(CONFIGURATION)
    monkeypatch.setenv("PARTNER", SECRET)
    return file


@pytest.fixture
def blocking(config):
    with BlockingHub.load(config) as hub:
        yield hub


@pytest.fixture
def keys(blocking):
    """Of a tenant that may read, of one that may not, and one that was revoked."""
    make = blocking.api_keys.create
    gone = make("c", scopes=["read"])
    blocking.api_keys.revoke(gone.key.id)
    return {
        "good": make("a", scopes=["read"], tenant="acme").secret.reveal(),
        "unfit": make("b", tenant="acme").secret.reveal(),
        "revoked": gone.secret.reveal(),
        "other": make("d", scopes=["read"], tenant="other").secret.reveal(),
    }


def calling(client):
    def get(path, headers, method="GET", body=b""):
        return client.request(method, path, headers=headers, content=body)

    return get


def with_fastapi(config):
    hub = Hub.load(config)
    app = FastAPI()
    may_read = fastapi.requires(hub.api_keys, "read", tenant_in="tenant")

    @app.get("/{tenant}/orders")
    @app.post("/{tenant}/orders")
    async def orders(
        tenant: str, request: fastapi.Request, caller: Annotated[Principal, Depends(may_read)]
    ):
        return {"caller": caller.name, "body": (await request.body()).decode()}

    assert app.openapi()["paths"]["/{tenant}/orders"]["get"]["security"] == [{"ApiKey": []}]
    return calling(TestClient(app))


def with_asgi(config):
    hub = Hub.load(config)
    app = FastAPI()

    @app.api_route("/{tenant}/orders", methods=["GET", "POST"])
    async def orders(tenant: str, request: fastapi.Request):
        body = (await request.body()).decode()
        return {"caller": request.state.principal.name, "body": body}

    guarded = asgi.ApiKeyMiddleware(app, hub.api_keys, scopes=["read"], tenant="acme")
    return calling(TestClient(guarded))


def with_flask(config):
    hub = BlockingHub.load(config)
    app = Flask("orders")

    @app.route("/<tenant>/orders", methods=["GET", "POST"])
    @flask.requires(hub.api_keys, "read", tenant_in="tenant")
    def orders(tenant):
        return {"caller": g.principal.name, "body": flask.request.get_data(as_text=True)}

    client = app.test_client()

    def get(path, headers, method="GET", body=b""):
        return Answered(client.open(path, method=method, headers=headers, data=body))

    return get


class Answered:
    def __init__(self, response):
        self.status_code, self.headers = response.status_code, response.headers
        content = response.data if hasattr(response, "data") else response.content
        self.json = lambda: json.loads(content)


def with_django(config):
    hub = BlockingHub.load(config)

    @django.requires(hub.api_keys, "read", tenant_in="tenant")
    def orders(request, tenant):
        said = {"caller": request.principal.name, "body": request.body.decode()}
        return HttpResponse(json.dumps(said))

    assert orders.csrf_exempt

    def get(path, headers, method="GET", body=b""):
        request = RequestFactory().generic(method, path, body, headers=headers)
        return Answered(orders(request, tenant=path.split("/")[1]))

    return get


def with_async_django(config):
    hub = Hub.load(config)

    @django.requires(hub.api_keys, "read", tenant_in="tenant")
    async def orders(request, tenant):
        said = {"caller": request.principal.name, "body": request.body.decode()}
        return HttpResponse(json.dumps(said))

    def get(path, headers, method="GET", body=b""):
        request = AsyncRequestFactory().generic(method, path, body, headers=headers)
        return Answered(asyncio.run(orders(request, tenant=path.split("/")[1])))

    return get


@pytest.fixture(params=[with_fastapi, with_asgi, with_flask, with_django, with_async_django])
def get(request, config):
    return request.param(config)


def bearer(key):
    return {"Authorization": f"Bearer {key}"}


def said(answer):
    document = answer.json()
    return document.get("error") or document["detail"]


def test_who_has_a_key_is_let_in_and_the_view_knows_who_it_is(get, keys):
    assert get("/acme/orders", bearer(keys["good"])).json() == {"caller": "a", "body": ""}
    assert get("/acme/orders", {"X-API-Key": keys["good"]}).json() == {"caller": "a", "body": ""}


def test_all_others_hear_the_same(get, keys):
    good = keys["good"]
    shown = [
        {},
        bearer(""),
        bearer(good[:-1]),
        bearer(keys["revoked"]),
        bearer(keys["other"]),
        {"Authorization": f"Basic {good}"},
        {**bearer(good), "X-API-Key": good},
    ]
    answers = [get("/acme/orders", headers) for headers in shown]
    assert {answer.status_code for answer in answers} == {401}
    assert {said(answer) for answer in answers} == {"unauthorized"}
    assert {answer.headers["www-authenticate"] for answer in answers} == {"Bearer"}


def signed(body, path="/acme/orders?a=%41"):
    signer = MessageSigner(
        Secret.value(SECRET), key_id="partner", algorithm="hmac-sha256", nonce=True
    )
    request = Request(method="POST", url=SHOP + path, body=body)
    return dict(signer.signed(request, now=time.time(), nonce=lambda: uuid.uuid4().hex))


def test_a_request_that_is_signed_is_let_in_once_and_the_view_still_has_its_body(get, config):
    headers = signed(b"one")
    answer = get("/acme/orders?a=%41", headers, "POST", b"one")
    assert answer.json() == {"caller": "partner", "body": "one"}
    for body in (b"one", b"two"):
        assert get("/acme/orders?a=%41", headers, "POST", body).status_code == 401
    assert get("/acme/orders?a=A", signed(b"one"), "POST", b"one").status_code == 401


def test_a_body_that_is_too_large_is_not_read_for_its_signature(get):
    body = b"x" * (1024 * 1024 + 1)
    answer = get("/acme/orders", signed(body), "POST", body)
    assert (answer.status_code, said(answer)) == (413, "too_large")


@pytest.mark.parametrize("size", [3, 3 * 1024 * 1024])
def test_flask_reads_no_more_of_a_body_of_unknown_length_than_it_takes(config, size):
    app, hub = Flask("orders"), BlockingHub.load(config)

    @app.post("/acme/orders")
    @flask.requires(hub.api_keys, "read")
    def orders():
        return {"body": flask.request.get_data(as_text=True)}

    body = io.BytesIO(b"x" * size)
    ends = {"wsgi.input_terminated": True}
    answer = app.test_client().post(
        "/acme/orders",
        headers=signed(b"xxx", path="/acme/orders"),
        input_stream=body,
        environ_overrides=ends,
    )
    assert body.tell() <= 1024 * 1024 + 1
    assert (answer.status_code, answer.json) == (
        (200, {"body": "xxx"}) if size == 3 else (413, {"error": "too_large"})
    )


def test_fastapi_reads_no_more_of_a_body_without_end_than_it_takes(config):
    app, pieces, told = FastAPI(), [], []
    may_read = fastapi.requires(Hub.load(config).api_keys, "read")

    @app.post("/orders")
    async def orders(caller: Annotated[Principal, Depends(may_read)]):
        raise AssertionError

    async def receive():
        pieces.append(b"x" * 2**18)
        return {"type": "http.request", "body": pieces[-1], "more_body": len(pieces) < 100}

    async def send(message):
        told.append(message)

    scope = {
        "type": "http",
        "method": "POST",
        "path": "/orders",
        "query_string": b"",
        "headers": [(b"signature-input", b"x")],
    }
    asyncio.run(app(scope, receive, send))
    assert (told[0]["status"], len(pieces)) == (413, 5)


@pytest.mark.parametrize("make", [with_django, with_async_django])
def test_a_body_that_a_middleware_of_django_has_read_is_proved_too(make, config, monkeypatch):
    shown = django._shown

    def read_before(keys, request):
        assert request.body == b"one"
        return shown(keys, request)

    monkeypatch.setattr(django, "_shown", read_before)
    answer = make(config)("/acme/orders?a=%41", signed(b"one"), "POST", b"one")
    assert answer.json() == {"caller": "partner", "body": "one"}


def test_a_client_that_has_gone_hears_nothing(config):
    async def gone():
        guarded = asgi.ApiKeyMiddleware(FastAPI(), Hub.load(config).api_keys)
        scope = {
            "type": "http",
            "method": "POST",
            "path": "/",
            "headers": [(b"signature-input", b"")],
        }
        parts = iter(
            [{"type": "http.request", "body": b"x", "more_body": True}, {"type": "http.disconnect"}]
        )

        async def receive():
            return next(parts)

        await guarded(scope, receive, None)

    asyncio.run(gone())


def test_a_scope_that_is_missing_is_403(get, keys):
    answer = get("/acme/orders", bearer(keys["unfit"]))
    assert (answer.status_code, said(answer)) == (403, "insufficient_scope")
    assert 'scope="read"' in answer.headers["www-authenticate"]


def test_who_calls_too_much_is_told_when_to_come_again(get, keys):
    for _ in range(5):
        assert get("/acme/orders", bearer(keys["good"])).status_code == 200
    answer = get("/acme/orders", bearer(keys["good"]))
    assert (answer.status_code, answer.headers["retry-after"]) == (429, "1")


def test_without_its_store_nobody_is_let_in(config, keys):
    hub = Hub.load(config)
    client = TestClient(asgi.ApiKeyMiddleware(FastAPI(), hub.api_keys))
    vault = config.with_name("vault.db")
    vault.rename(config.with_name("elsewhere"))
    vault.mkdir()
    answer = client.get("/", headers=bearer(keys["good"]))
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "5")


def test_paths_that_are_open_need_no_key_and_websockets_need_one(config, keys):
    hub = Hub.load(config)
    app = FastAPI()

    @app.get("/healthz")
    async def health():
        return "ok"

    @app.websocket("/feed")
    async def feed(socket: WebSocket):
        await socket.accept()
        await socket.send_text(socket.state.principal.name)
        await socket.close()

    client = TestClient(asgi.ApiKeyMiddleware(app, hub.api_keys, open_paths=["/healthz"]))
    with client:  # its lifespan passes
        assert client.get("/healthz?x=1").json() == "ok"
        assert client.get("/other?x=1").status_code == 401
        with pytest.raises(WebSocketDisconnect), client.websocket_connect("/feed"):
            raise AssertionError
        with client.websocket_connect("/feed", headers=bearer(keys["good"])) as socket:
            assert socket.receive_text() == "a"


def test_fastapi_without_a_tenant_takes_all(config, keys):
    hub = Hub.load(config)
    app = FastAPI()
    known = fastapi.requires(hub.api_keys)

    @app.get("/me")
    async def me(caller: Annotated[Principal, Depends(known)]):
        return caller.tenant

    client = TestClient(app)
    assert client.get("/me?a=1", headers=bearer(keys["other"])).json() == "other"


def test_a_view_takes_the_keys_of_its_own_kind_of_hub(config, blocking):
    async def view(request):
        raise NotImplementedError

    with pytest.raises(MisuseError, match=r"hardpoint\.Hub"):
        django.requires(blocking.api_keys)(view)
    with pytest.raises(MisuseError, match=r"hardpoint\.sync\.Hub"):
        django.requires(Hub.load(config).api_keys)(lambda request: None)


def test_any_other_refusal_is_403_and_a_store_that_fails_503():
    assert answer_to(CallerError()) == CallerAnswer(403, "forbidden", {})
    assert answer_to(StoreUnavailableError()).status == 503


def test_a_hub_that_ends_writes_when_keys_were_used(config, keys):
    async def used():
        hub = Hub.load(config)
        assert await hub.api_keys.verify(keys["good"])
        assert await hub.api_keys.verify(keys["unfit"])
        await hub.close()

    asyncio.run(used())
    with BlockingHub.load(config) as hub:
        written = {one.name: one.last_used_at for one in hub.api_keys.list()}
    assert written["a"]
    assert written["b"]
