"""An application of each framework lets callers in by their keys; all others hear the same."""

import asyncio
import json
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
from hardpoint.integrations import asgi, django, fastapi, flask
from hardpoint.sync import Hub as BlockingHub

if not settings.configured:
    settings.configure(ALLOWED_HOSTS=["*"], SECRET_KEY="for tests")


@pytest.fixture
def config(tmp_path):
    file = tmp_path / "hardpoint.toml"
    file.write_text("[api_keys]\nrate = 1\nburst = 5\n")
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


def with_fastapi(config):
    hub = Hub.load(config)
    app = FastAPI()
    may_read = fastapi.requires(hub.api_keys, "read", tenant_in="tenant")

    @app.get("/{tenant}/orders")
    async def orders(tenant: str, caller: Annotated[Principal, Depends(may_read)]):
        return {"caller": caller.name}

    assert app.openapi()["paths"]["/{tenant}/orders"]["get"]["security"] == [{"ApiKey": []}]
    client = TestClient(app)
    return lambda path, headers: client.get(path, headers=headers)


def with_asgi(config):
    hub = Hub.load(config)
    app = FastAPI()

    @app.get("/{tenant}/orders")
    async def orders(tenant: str, request: fastapi.Request):
        return {"caller": request.state.principal.name}

    guarded = asgi.ApiKeyMiddleware(app, hub.api_keys, scopes=["read"], tenant="acme")
    client = TestClient(guarded)
    return lambda path, headers: client.get(path, headers=headers)


def with_flask(config):
    hub = BlockingHub.load(config)
    app = Flask("orders")

    @app.get("/<tenant>/orders")
    @flask.requires(hub.api_keys, "read", tenant_in="tenant")
    def orders(tenant):
        return {"caller": g.principal.name}

    client = app.test_client()

    def get(path, headers):
        return Answered(client.get(path, headers=headers))

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
        return HttpResponse(json.dumps({"caller": request.principal.name}))

    assert orders.csrf_exempt

    def get(path, headers):
        request = RequestFactory().get(path, headers=headers)
        return Answered(orders(request, tenant=path.split("/")[1]))

    return get


def with_async_django(config):
    hub = Hub.load(config)

    @django.requires(hub.api_keys, "read", tenant_in="tenant")
    async def orders(request, tenant):
        return HttpResponse(json.dumps({"caller": request.principal.name}))

    def get(path, headers):
        request = AsyncRequestFactory().get(path, headers=headers)
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
    assert get("/acme/orders", bearer(keys["good"])).json() == {"caller": "a"}
    assert get("/acme/orders", {"X-API-Key": keys["good"]}).json() == {"caller": "a"}


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
