"""Tokens of Entra: by azure-identity, fetched once for all, and by no more requests than one."""

import asyncio
import json
import socket
import threading
import time
from urllib.parse import parse_qs, urlsplit

import pytest
from azure.core.exceptions import ServiceRequestError
from azure.identity import CredentialUnavailableError

from hardpoint.core.errors import AuthenticationError, ConfigurationError, UnavailableError
from hardpoint.core.secrets import Secret
from hardpoint.fakes.ledger import Ledger
from hardpoint.fakes.messages import FakeReply
from hardpoint.fakes.server import FakeServer
from hardpoint.providers.azure import credentials
from hardpoint.providers.azure.credentials import STORAGE, EntraApp, EntraIdentity, EntraTokens
from hardpoint.runtime.blocking import run
from hardpoint.runtime.clocks import SystemClock


class Issuer:
    """The endpoint of a managed identity on loopback: gives replies, and keeps requests."""

    name = "issuer"

    def __init__(self):
        self.ledger = Ledger()
        self.requests = []
        self.status = 200

    def answer(self, request):
        self.requests.append(request)
        token = {"access_token": f"token-{len(self.requests)}", "token_type": "Bearer"}
        token |= {"expires_on": str(int(time.time()) + 3600), "resource": "https://storage"}
        return FakeReply(
            status=self.status,
            headers=(("content-type", "application/json"),),
            body=json.dumps(token if self.status == 200 else {"error": "no"}).encode(),
        )


@pytest.fixture
def issuer():
    return Issuer()


@pytest.fixture
def identity(issuer, monkeypatch):
    """A machine with a managed identity."""
    with FakeServer(issuer) as server:
        monkeypatch.setenv("IDENTITY_ENDPOINT", f"{server.url}/msi/token")
        monkeypatch.setenv("IDENTITY_HEADER", "header")
        monkeypatch.setenv("AZURE_TOKEN_CREDENTIALS", "ManagedIdentityCredential")
        yield issuer


@pytest.fixture(autouse=True)
def machine(monkeypatch):
    """One that has nothing, whatever the developer's has."""
    for name in ("AZURE_CLIENT_ID", "AZURE_TENANT_ID", "AZURE_CLIENT_SECRET"):
        monkeypatch.delenv(name, raising=False)


def tokens(**app):
    return EntraTokens(EntraApp(**app), SystemClock(), scope=STORAGE)


def used(of):
    ((name, value),) = run(of.headers())
    assert name == "authorization"
    return value


def test_the_identity_of_the_machine_gets_a_token_for_all_who_ask(identity):
    of = tokens()
    assert of.secrets() == ()
    run(of.rejected(()))

    async def story():
        return await asyncio.gather(*(of.headers() for _ in range(9)))

    assert set(asyncio.run(story())) == {(("authorization", "Bearer token-1"),)}
    assert used(of) == "Bearer token-1"
    (request,) = identity.requests
    assert parse_qs(urlsplit(request.target).query)["resource"] == ["https://storage.azure.com"]
    assert request.headers["x-identity-header"] == "header"
    assert of.secrets() == ("token-1",)


def test_a_token_that_is_not_accepted_is_replaced_though_the_library_keeps_it(identity):
    of = tokens()
    first = run(of.headers())
    run(of.rejected((("authorization", "Bearer another"),)))
    assert run(of.headers()) == first
    run(of.rejected(first))
    assert used(of) == "Bearer token-2"


def test_a_chosen_identity_of_the_machine_is_asked_for(identity):
    used(tokens(client_id="17"))
    (request,) = identity.requests
    assert parse_qs(urlsplit(request.target).query)["client_id"] == ["17"]


@pytest.mark.parametrize("status", [400, 429, 500])
def test_an_identity_endpoint_that_refuses_is_asked_once(identity, status):
    identity.status = status
    with pytest.raises((AuthenticationError, UnavailableError), match="nothing was sent"):
        run(tokens().headers())
    assert len(identity.requests) == 1


def test_tokens_go_to_the_vendors_hosts_only():
    of = tokens()
    assert of.permits("shop.blob.core.windows.net")
    assert not of.permits("shop.blob.core.windows.net.evil.example")


def test_a_machine_without_identity_says_so(monkeypatch):
    monkeypatch.setenv("AZURE_TOKEN_CREDENTIALS", "EnvironmentCredential")
    with pytest.raises(AuthenticationError, match=r"no identity|refused"):
        run(tokens().headers())


def test_they_need_their_extra(monkeypatch):
    monkeypatch.setattr(credentials, "find_spec", lambda name: None)
    with pytest.raises(ConfigurationError, match=r"pip install 'hardpoint\[azure\]'"):
        tokens()


def test_a_login_service_that_does_not_answer_is_asked_once():
    """A service principal's; what listens hangs up on whoever comes."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        came = []

        def hang_up():
            while True:
                try:
                    connection, _ = listening.accept()
                except OSError:
                    return
                came.append(1)
                connection.close()

        thread = threading.Thread(target=hang_up)
        thread.start()
        try:
            of = tokens(
                tenant_id="t1",
                client_id="c1",
                client_secret=Secret.value("hush"),
                authority=f"127.0.0.1:{listening.getsockname()[1]}",
            )
            with pytest.raises(UnavailableError, match="nothing was sent") as caught:
                run(of.headers())
        finally:
            listening.shutdown(socket.SHUT_RDWR)
            thread.join()
    assert came == [1]
    assert "hush" not in str(caught.value)


class AnsweredError(Exception):
    def __init__(self, status):
        super().__init__()
        self.response = None if status is None else type("Reply", (), {"status_code": status})


@pytest.mark.parametrize(
    ("raised", "kind"),
    [
        (lambda: CredentialUnavailableError("none"), AuthenticationError),
        (lambda: ServiceRequestError("no route"), UnavailableError),
    ],
)
def test_what_the_library_raises_is_told_as_ours(monkeypatch, raised, kind):
    def none(*scopes):
        raise raised()

    of = EntraIdentity(EntraApp(), STORAGE)
    monkeypatch.setattr(of._credential(), "get_token", none)
    with pytest.raises(kind, match="nothing was sent"):
        of.fetch()


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (None, AuthenticationError),
        (401, AuthenticationError),
        (429, UnavailableError),
        (503, UnavailableError),
    ],
)
def test_a_login_service_in_trouble_is_no_refusal(status, kind):
    assert type(credentials._refused(AnsweredError(status))) is kind


def test_a_secret_that_has_changed_makes_it_anew(monkeypatch):
    monkeypatch.setenv("APP_SECRET", "one")
    app = EntraApp(tenant_id="t", client_id="c", client_secret=Secret.env("APP_SECRET"))
    of = EntraIdentity(app, STORAGE)
    first = of._credential()
    assert of._credential() is first
    monkeypatch.setenv("APP_SECRET", "two")
    assert of._credential() is not first
