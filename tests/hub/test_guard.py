"""`hub.guard`: a connection that has no adapter gives its policy to another library's calls."""

import asyncio
import logging
from types import SimpleNamespace

import aiohttp
import httpx2
import pytest
import requests
from multidict import CIMultiDict
from yarl import URL as YURL

from hardpoint import (
    Breaker,
    CircuitOpenError,
    ConfigurationError,
    GuardedConnection,
    OutcomeUnknownError,
    Policy,
    Retry,
    SdkSettings,
    reason_of,
)
from hardpoint.calls.events import AttemptEnded, CallEnded
from hardpoint.calls.key import Occasion, occasion
from hardpoint.core.correlation import correlation_id
from hardpoint.hub.events import ConnectionLost
from hardpoint.hub.hub import Hub
from hardpoint.hub.settings import Settings
from hardpoint.integrations.aiohttp import guarded as guarded_session
from hardpoint.integrations.httpx import guarded
from hardpoint.integrations.requests import GuardedAdapter
from hardpoint.sync import Hub as BlockingHub

CONFIGURATION = """
[connections.ai]
provider = "sdk"
{options}
[connections.ai.policy]
preset = "two_retries"
failures = {failures}

[connections.files]
provider = "filesystem"
path = "files"
"""


def written(tmp_path, options="", failures=5):
    (tmp_path / "files").mkdir(exist_ok=True)
    path = tmp_path / "hardpoint.toml"
    path.write_text(CONFIGURATION.format(options=options, failures=failures))
    return path


def quick():
    """What they run under in place of the file's: without waits."""
    return {"ai": Policy("ai", retry=Retry(3, backoff=0), breaker=Breaker(), deadline=60)}


class Vendor:
    """Answers by status; what it was asked is kept."""

    def __init__(self, *statuses):
        self.statuses, self.asked = list(statuses), []

    def __call__(self, request):
        self.asked.append(request)
        status = self.statuses.pop(0) if len(self.statuses) > 1 else self.statuses[0]
        if status == 0:
            raise httpx2.ReadError("lost", request=request)
        return httpx2.Response(status, headers={"x-request-id": "req_1"})

    def client(self, guard):
        return httpx2.Client(transport=guarded(guard, httpx2.MockTransport(self)))

    def keys(self):
        return [one.headers.get("idempotency-key") for one in self.asked]


@pytest.fixture
def told():
    return []


@pytest.fixture
def hub(tmp_path, told):
    with BlockingHub.load(written(tmp_path), listeners=[told.append], policies=quick()) as one:
        yield one


URL_ = "http://vendor.example/secret-path"


def test_its_calls_are_told_of_as_those_of_a_port_are(hub, told):
    token = correlation_id.set("c-1")
    vendor = Vendor(429, 200)
    with vendor.client(hub.guard("ai")) as client:
        assert client.post(URL_).status_code == 200
    correlation_id.reset(token)
    attempts = [one for one in told if isinstance(one, AttemptEnded)]
    assert [(one.attempt, one.error, one.status) for one in attempts] == [
        (1, "http_429", 429),
        (2, None, 200),
    ]
    (call,) = [one for one in told if isinstance(one, CallEnded)]
    assert (call.connection, call.provider, call.operation) == ("ai", "sdk", "POST vendor.example")
    assert (call.attempts, call.error, call.correlation_id) == (2, None, "c-1")
    assert {one.request_id for one in attempts} == {"req_1"}
    assert "secret-path" not in repr(told)


def test_failures_are_told_of_by_their_names(hub, told):
    vendor = Vendor(0)
    with vendor.client(hub.guard("ai")) as client:
        with pytest.raises(httpx2.ReadError):
            client.post(URL_)
        vendor.statuses = [404]
        assert client.get(URL_).status_code == 404
        vendor.statuses = [200]
        hub.policy("ai").breaker.force_open()
        with pytest.raises(CircuitOpenError):
            client.get(URL_)
    assert [one.error for one in told if isinstance(one, CallEnded)] == [
        "ReadError",
        "http_404",
        "CircuitOpenError",
    ]
    assert hub.policy("ai") is hub.guard("ai").policy


def test_both_hubs_have_it(tmp_path):
    async def scenario():
        hub = Hub.load(written(tmp_path), policies=quick())
        vendor = Vendor(429, 200)
        transport = guarded(hub.guard("ai"), httpx2.MockTransport(vendor))
        async with httpx2.AsyncClient(transport=transport) as client:
            assert (await client.get(URL_)).status_code == 200
        assert repr(hub.guard("ai")) == "GuardedConnection('ai')"
        await hub.close()

    asyncio.run(scenario())


def test_a_connection_with_an_adapter_shares_its_policy(hub):
    guard = hub.guard("files")
    assert isinstance(guard, GuardedConnection)
    assert guard.policy is hub.policy("files")
    assert guard.settings == SdkSettings()
    with Vendor(200).client(guard) as client:
        assert client.get(URL_).status_code == 200


def test_one_that_is_not_configured_is_refused(hub):
    with pytest.raises(ConfigurationError, match=r"connections\.nothing"):
        hub.guard("nothing")
    with pytest.raises(ConfigurationError, match="sdk has no payments"):
        hub.payments("ai")


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        ('idempotency_header = "a b"', "idempotency_header"),
        ('idempotency_header = ""', "idempotency_header"),
        ('repeat = "often"', "repeat"),
        ('rate_headers = "mine"', "rate_headers"),
        ('key = "env:X"', "key"),
    ],
)
def test_senseless_settings_are_refused_by_their_key(tmp_path, options, problem):
    with pytest.raises(ConfigurationError, match=rf"connections\.ai\.{problem}"):
        BlockingHub.load(written(tmp_path, options))


def test_a_key_is_made_where_the_api_takes_them(tmp_path):
    header = 'idempotency_header = "Idempotency-Key"'
    with BlockingHub.load(written(tmp_path, header), policies=quick()) as hub:
        vendor = Vendor(503, 200)
        with vendor.client(hub.guard("ai")) as client:
            assert client.post(URL_, content=b"{}").status_code == 200
            assert len(set(vendor.keys())) == 1
            client.post(URL_, content=b"{}")
            client.post(URL_, headers={"idempotency-key": "mine"})
            client.get(URL_)
            client.put(URL_)
        assert vendor.keys()[1] not in (None, vendor.keys()[2])
        assert vendor.keys()[3:] == ["mine", None, None]


def test_within_a_handler_the_key_is_the_jobs(tmp_path):
    header = 'idempotency_header = "Idempotency-Key"'
    with BlockingHub.load(written(tmp_path, header), policies=quick()) as hub:
        vendor = Vendor(200)
        with vendor.client(hub.guard("ai")) as client:
            for _ in range(2):
                token = occasion.set(Occasion("hp:event:handler"))
                client.post(URL_, content=b"{}")
                client.post(URL_, content=b"[]")
                occasion.reset(token)
            assert vendor.keys()[:2] == vendor.keys()[2:]
            assert len(set(vendor.keys())) == 2
            token = occasion.set(Occasion("hp:event:handler"))
            vendor.statuses = [0]
            with pytest.raises(httpx2.ReadError) as raised:
                client.post(URL_, content=b"{}")
            occasion.reset(token)
        doubt = reason_of(raised.value)
        assert isinstance(doubt, OutcomeUnknownError)
        assert doubt.repeatable
        assert doubt.idempotency_key == vendor.keys()[0]


def test_an_upload_of_a_form_has_a_key_in_spite_of_its_boundary(tmp_path):
    header = 'idempotency_header = "Idempotency-Key"'
    with BlockingHub.load(written(tmp_path, header), policies=quick()) as hub:
        vendor = Vendor(200)
        with vendor.client(hub.guard("ai")) as client:
            for _ in range(2):
                token = occasion.set(Occasion("hp:event:handler"))
                client.post(URL_, files={"one": b"content"})
                occasion.reset(token)
        assert len(set(vendor.keys())) == 1


def test_what_a_repeat_does_can_be_said(tmp_path):
    with BlockingHub.load(written(tmp_path, 'repeat = "idempotent"'), policies=quick()) as hub:
        vendor = Vendor(503, 200)
        with vendor.client(hub.guard("ai")) as client:
            assert client.post(URL_).status_code == 200


def test_a_policy_that_is_read_again_is_in_force_at_once(tmp_path, told):
    path = written(tmp_path)
    hub = Hub.load(path, listeners=[told.append])
    vendor = Vendor(429)
    with vendor.client(hub.guard("ai")) as client:
        vendor.statuses = [404]
        client.get(URL_)
        before = hub.policy("ai")

        async def scenario():
            written(tmp_path, 'repeat = "never"', failures=7)
            await hub.reload()

        asyncio.run(scenario())
        vendor.statuses = [429, 200]
        assert client.post(URL_).status_code == 429
        assert hub.policy("ai") is not before
        path.write_text("")
        asyncio.run(hub.reload())
        with pytest.raises(ConfigurationError):
            client.get(URL_)
    assert ("ai", "guard") in [
        (one.connection, one.port) for one in told if isinstance(one, ConnectionLost)
    ]
    asyncio.run(hub.close())


def test_what_repeats_beside_it_is_told_of_by_the_connections_name(hub, caplog):
    with caplog.at_level(logging.WARNING, "hardpoint"):
        guarded(hub.guard("ai"), httpx2.HTTPTransport(retries=1))
    assert "policy=ai" in caplog.text


def test_settings_in_code_are_the_same():
    assert Settings().connections == {}
    assert SdkSettings(repeat="safe").repeat_class == "safe"


@pytest.mark.parametrize("body", [b"{}", None])
def test_keys_are_made_for_every_client(tmp_path, body):
    header = 'idempotency_header = "Idempotency-Key"'
    asked = []

    async def answered(request):
        asked.append(request.headers.get("idempotency-key"))
        status = 503 if len(asked) == 1 else 200
        return SimpleNamespace(status=status, headers={}, read=nothing, close=lambda: None)

    async def nothing():
        return b""

    async def scenario(hub):
        payload = b"" if body is None else aiohttp.BytesPayload(body)
        request = SimpleNamespace(
            session=None, method="POST", url=YURL(URL_), headers=CIMultiDict(), body=payload
        )
        occasion.set(Occasion("hp:event:handler"))
        await guarded_session(hub.guard("ai"))(request, answered)

    with BlockingHub.load(written(tmp_path, header), policies=quick()) as hub:
        session = requests.Session()
        adapter = GuardedAdapter(hub.guard("ai"))
        session.mount("http://", adapter)
        prepared = session.prepare_request(
            requests.Request("POST", "http://127.0.0.1:9/", data=body)
        )
        token = occasion.set(Occasion("hp:event:handler"))
        with pytest.raises(requests.ConnectionError):
            adapter.send(prepared)
        occasion.reset(token)
        assert prepared.headers["Idempotency-Key"].startswith("hp:event:handler:ai:POST")
        session.close()
        asyncio.run(scenario(hub))
    assert len(set(asked)) == 1
    assert len(asked) == 2
