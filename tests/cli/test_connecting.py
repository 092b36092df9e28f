"""Connecting an account from a terminal: the person's browser comes back to this machine."""

import asyncio
import io
import socket
import threading
from urllib.parse import urlsplit

import httpx2
import pytest

from hardpoint.cli.connecting import connected, connected_by_device
from hardpoint.cli.failures import CommandError
from hardpoint.cli.main import main
from hardpoint.cli.terminal import Terminal
from hardpoint.core.errors import ClientRefusedError, ConfigurationError, FlowError
from hardpoint.core.secrets import Secret
from hardpoint.fakes.issuer import FakeIssuer
from hardpoint.fakes.server import FakeServer
from hardpoint.hub.identity import IdentitySettings, VaultSettings
from hardpoint.hub.oauth import OAuthSettings

KEYRING = "k1:MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY="


@pytest.fixture
def provider():
    with FakeServer(FakeIssuer()) as server:
        yield server


@pytest.fixture
def identity(tmp_path, provider):
    one = OAuthSettings(
        name="acme",
        issuer=provider.url,
        client_id="client",
        client_secret=Secret.value("client-secret"),
    )
    other = OAuthSettings(name="other", provider="google", client_id="us", connect=False)
    vault = VaultSettings(path=tmp_path / "vault.db", keyring=Secret.value(KEYRING))
    return IdentitySettings(vault=vault, oauth={"acme": one, "other": other})


class Person:
    """Opens the address in a thread, as a browser beside the terminal does."""

    def __init__(self, act):
        self.act = act
        self.answers = []
        self.thread = None

    def __call__(self, url, back=""):
        self.back = back
        self.thread = threading.Thread(target=self._walk, args=(url,))
        self.thread.start()

    def _walk(self, url):
        with httpx2.Client(follow_redirects=False) as browser:
            for request in self.act(browser, url):
                self.answers.append(browser.send(request))


def agreeing(browser, url, **params):
    there = httpx2.URL(url).copy_merge_params(params)
    yield browser.build_request("GET", browser.get(there).headers["location"])


def connect(identity, person, name="acme", **facts):
    facts = {"tenant": "ada", "port": 0, "seconds": 20.0, **facts}
    try:
        return asyncio.run(connected(identity, name, show=person, **facts))
    finally:
        if person.thread is not None:
            person.thread.join()


async def of_vault(identity, tenant="ada"):
    async with identity.accounts("https://shop.example") as accounts:
        return {
            one.connection: one.account for one in await accounts.vault.connections(tenant=tenant)
        }


def test_an_account_is_connected_and_in_the_vault(identity):
    person = Person(agreeing)
    done = connect(identity, person)
    assert (done.account, done.user) == ("id-of-ada", "ada")
    assert [one.status_code for one in person.answers] == [200]
    assert person.answers[0].headers["referrer-policy"] == "no-referrer"
    assert asyncio.run(of_vault(identity)) == {"acme": "id-of-ada"}


def test_a_connection_may_have_a_name_of_its_own(identity):
    connect(identity, Person(agreeing), connection="calendar")
    assert asyncio.run(of_vault(identity)) == {"calendar": "id-of-ada"}


def test_whatever_else_comes_is_turned_away_and_the_person_still_awaited(identity):
    def act(browser, url):
        back = httpx2.URL(browser.get(url).headers["location"])
        host = {"host": "evil.example"}
        yield browser.build_request("GET", back, headers=host)
        yield browser.build_request("GET", back.copy_with(path="/favicon.ico"))
        yield browser.build_request("POST", back)
        yield browser.build_request("GET", back.copy_merge_params({"state": "x" * 43}))
        yield browser.build_request("GET", f"{back}&state=again")
        with socket.create_connection((back.host, back.port)) as rude:
            rude.sendall(b"GET / HTTP/1.1\r\n")
        yield browser.build_request("GET", back)

    person = Person(act)
    assert connect(identity, person).account == "id-of-ada"
    assert [one.status_code for one in person.answers] == [400, 404, 404, 400, 400, 200]


def test_a_person_who_says_no_ends_it(identity):
    person = Person(lambda browser, url: agreeing(browser, url, login_hint="deny"))
    with pytest.raises(FlowError) as caught:
        connect(identity, person)
    assert caught.value.reason == "access_denied"
    assert "see the terminal" in person.answers[0].text


def test_a_client_that_the_provider_refuses_is_named_as_such(identity, provider):
    provider.app.server.client_secret = "renewed"
    person = Person(agreeing)
    with pytest.raises(ClientRefusedError, match=r"\[oauth\.acme\] \(invalid_client\)"):
        connect(identity, person)
    assert "(invalid_client)" in person.answers[0].text


def test_another_account_is_not_put_in_the_place_of_the_connected_one(identity):
    connect(identity, Person(agreeing))
    with pytest.raises(FlowError):
        connect(identity, Person(lambda browser, url: agreeing(browser, url, login_hint="bob")))
    assert asyncio.run(of_vault(identity)) == {"acme": "id-of-ada"}


def test_nobody_is_awaited_for_ever(identity):
    with pytest.raises(FlowError) as caught:
        connect(identity, Person(lambda browser, url: []), seconds=0.01)
    assert caught.value.reason == "timeout"


@pytest.mark.parametrize("name", ["nobody", "other"])
def test_what_is_not_for_connecting_is_refused(identity, name):
    with pytest.raises(ConfigurationError, match="Configured: acme, other"):
        connect(identity, Person(agreeing), name)


def test_a_port_that_another_program_has_is_said(identity):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(CommandError, match=f"port {port} is not available"):
            connect(identity, Person(agreeing), port=port)


class Screen(io.StringIO):
    """A terminal that a person watches: they open the address as soon as it stands there."""

    def __init__(self, person):
        super().__init__()
        self.person = person

    def write(self, text):
        if text.startswith("http"):
            self.person(text.strip())
        return super().write(text)


def test_the_command_prints_the_address_and_then_what_was_connected(
    provider, tmp_path, monkeypatch
):
    monkeypatch.setenv("RING", KEYRING)
    monkeypatch.setenv("SECRET", "client-secret")
    config = tmp_path / "hardpoint.toml"
    config.write_text(f"""
        [store]
        url = "sqlite:shop.db"
        [vault]
        keyring = "env:RING"
        [oauth.acme]
        issuer = "{provider.url}"
        client_id = "client"
        client_secret = "env:SECRET"
    """)
    person = Person(agreeing)
    screen = Screen(person)
    talk = io.StringIO()
    terminal = Terminal(stdin=io.StringIO(), stdout=screen, stderr=talk)
    arguments = ["oauth", "connect", "acme", "--tenant", "ada", "--port", "0"]
    assert main([*arguments, "--config", str(config)], terminal) == 0
    person.thread.join()
    assert screen.getvalue().endswith("acme is connected: id-of-ada\n")
    assert talk.getvalue().startswith("Open this address in a browser, and allow access:\n")
    assert "Waiting 300 s for it to come back to http://127.0.0.1:" in talk.getvalue()
    assert "/auth/callback/acme; that has to be registered." in talk.getvalue()


def test_the_address_to_open_comes_back_to_this_machine(identity):
    seen = []

    def act(browser, url):
        seen.append(url)
        yield from agreeing(browser, url)

    connect(identity, Person(act))
    assert "redirect_uri=http%3A%2F%2F127.0.0.1%3A" in urlsplit(seen[0]).query


def test_a_provider_without_ids_names_the_account_that_entered_the_code(tmp_path, provider):
    at = provider.url
    told = {"userinfo_url": f"{at}/me", "subject_field": "data.id", "device_url": f"{at}/device"}
    one = OAuthSettings(
        name="acme",
        client_id="client",
        client_secret=Secret.value("client-secret"),
        traits={"authorize_url": f"{at}/authorize", "token_url": f"{at}/token", **told},
    )
    vault = VaultSettings(path=tmp_path / "vault.db", keyring=Secret.value(KEYRING))
    settings = IdentitySettings(vault=vault, oauth={"acme": one})
    shown = []
    after = asyncio.run(connected_by_device(settings, "acme", tenant="ada", show=shown.append))
    assert (after.connection, after.account) == ("acme", "id-of-ada")
    assert [code.user_code for code in shown] == ["CODE-1"]

    async def elsewhere():
        async with settings.accounts("https://shop.example") as accounts:
            with pytest.raises(ConfigurationError, match=r"oauth\.nobody"):
                await accounts.connect_by_device("nobody", tenant="ada", show=shown.append)

    asyncio.run(elsewhere())
