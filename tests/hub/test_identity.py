import asyncio
import socket
import threading
from pathlib import Path

import pytest
from starlette.applications import Starlette
from starlette.testclient import TestClient

from hardpoint.core.errors import ConfigurationError, FlowError, StoreUnavailableError
from hardpoint.core.secrets import Secret
from hardpoint.hub import identity, life
from hardpoint.hub.hub import Hub
from hardpoint.hub.identity import IssuerUnavailable, KeepAliveFailed
from hardpoint.hub.settings import Settings
from hardpoint.integrations.starlette import SignIn
from hardpoint.oauth.flow import FlowKind
from hardpoint.oauth.tokens import Tokens
from hardpoint.runtime.blocking import run
from hardpoint.runtime.work import BlockingWork
from hardpoint.sync.hub import Hub as BlockingHub

STORE = '[store]\nurl = "sqlite:hardpoint.db"\n'
VAULT = '[vault]\nkeyring = "env:RING"\n'
PUBLIC = 'public_url = "https://shop.example"\n'
GITHUB = """
[oauth.github]
provider = "github"
client_id = "Iv1.8a61f9b3a7aba766"
client_secret = "env:GITHUB_CLIENT_SECRET"
scopes = ["repo"]
login = false
authorize_params = { allow_signup = "false" }
"""
RING = "k1:" + "A" * 43 + "="


@pytest.fixture
def written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("RING", RING)
    monkeypatch.setenv("GITHUB_CLIENT_SECRET", "canary-client-secret")

    def write(*parts: str) -> Path:
        path = tmp_path / "hardpoint.toml"
        path.write_text("".join(parts))
        return path

    return write


def test_a_vault_and_registrations_are_read(written) -> None:
    settings = Settings.load(written(PUBLIC, STORE, VAULT, GITHUB))
    vault, github = settings.identity.vault, settings.identity.oauth["github"]
    assert vault.path == settings.path.parent / "vault.db"
    assert (github.provider, github.issuer, github.scopes) == ("github", None, ("repo",))
    assert (github.login, github.connect) == (False, True)
    assert github.authorize_params == {"allow_signup": "false"}
    assert [key for key, _ in settings.identity.secrets()] == [
        "vault.keyring",
        "oauth.github.client_secret",
    ]


def test_a_public_client_has_no_secret(written) -> None:
    public = "[oauth.x]\nprovider = 'github'\nclient_id = 'a'\n"
    settings = Settings.load(written(STORE, VAULT, public))
    assert [key for key, _ in settings.identity.secrets()] == ["vault.keyring"]


def test_without_either_there_is_none(written) -> None:
    settings = Settings.load(written(STORE))
    assert (settings.identity.vault, list(settings.identity.secrets())) == (None, [])
    with pytest.raises(ConfigurationError, match="vault: is not configured"):
        Hub(settings).vault  # noqa: B018 - asking is what fails


@pytest.mark.parametrize(
    ("parts", "key"),
    [
        ((STORE, GITHUB), "vault"),
        ((STORE, '[vault]\npath = "v.db"\n'), "vault.keyring"),
        ((STORE, VAULT, 'ring = "env:RING"\n'), "vault.ring"),
        ((STORE, VAULT, GITHUB, 'secret = "x"\n'), "oauth.github.secret"),
        ((STORE, VAULT, "[oauth.x]\nprovider = 'github'\n"), "oauth.x.client_id"),
        ((STORE, VAULT, "[oauth.x]\nclient_id = 'a'\n"), "oauth.x.provider"),
        ((STORE, VAULT, "[oauth.x]\nclient_id = 'a'\nscopes = [1]\n"), "oauth.x.scopes"),
        ((STORE, VAULT, "[oauth.x]\nclient_id = 'a'\nlogin = 1\n"), "oauth.x.login"),
        ((STORE, VAULT, "[oauth.x]\nclient_id = 'a'\ninputs = {a = 1}\n"), "oauth.x.inputs.a"),
    ],
)
def test_what_cannot_be_right_is_refused_by_its_key(written, parts, key) -> None:
    with pytest.raises(ConfigurationError) as caught:
        Settings.load(written(*parts))
    assert caught.value.key == key


def test_registrations_need_a_public_address(written) -> None:
    hub = Hub(Settings.load(written(STORE, VAULT, GITHUB)))
    with pytest.raises(ConfigurationError, match="public_url"):
        hub.accounts  # noqa: B018 - asking is what fails


def test_the_hub_opens_its_vault_and_closes_it(written) -> None:
    async def story() -> None:
        hub = Hub(Settings.load(written(PUBLIC, STORE, VAULT, GITHUB)))
        for _ in range(2):
            async with hub:
                assert hub.vault is hub.accounts.vault
                await hub.vault.put_key("k", Secret.value("canary-key"))
                assert (await hub.vault.access_token("k")).reveal() == "canary-key"

    asyncio.run(story())


@pytest.mark.parametrize("kind", [Hub, BlockingHub])
def test_threads_that_ask_at_once_have_one_vault(written, kind) -> None:
    hub = kind(Settings.load(written(PUBLIC, STORE, VAULT, GITHUB)))
    together, found = threading.Barrier(12, timeout=30), []

    def ask() -> None:
        together.wait()
        found.append(hub.vault)

    threads = [threading.Thread(target=ask) for _ in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert len(found) == 12
    assert len(set(map(id, found))) == 1
    if kind is Hub:
        asyncio.run(hub.close())
    else:
        hub.close()


def test_an_application_that_signs_in_alone_opens_and_locks_no_store(written, tmp_path) -> None:
    async def story() -> None:
        async with Hub(Settings.load(written(PUBLIC, VAULT, GITHUB))) as hub:
            await hub.vault.put_key("k", Secret.value("canary-key"))
            await hub.accounts.flows.begin(FlowKind.CONNECT, "github", user="ann")
            assert not hub.store.is_open

    asyncio.run(story())
    assert {one.name for one in tmp_path.iterdir() if "vault" not in one.name} == {"hardpoint.toml"}


def test_a_keyring_that_cannot_work_stops_the_start(written, monkeypatch) -> None:
    settings = Settings.load(written(STORE, VAULT))
    monkeypatch.setenv("RING", "k1:c2hvcnQ=")

    async def story() -> None:
        hub = Hub(settings)
        with pytest.raises(ConfigurationError, match="hardpoint oauth new-key"):
            await hub.start()
        await hub.stop()

    asyncio.run(story())


def test_a_vault_is_looked_into_without_its_clients(written) -> None:
    settings = Settings.load(written(STORE, VAULT, GITHUB))
    vault = settings.identity.keeper(work=BlockingWork())
    run(vault.open())
    assert run(vault.connections()) == ()


def test_a_plain_script_has_the_vault_too(written) -> None:
    with BlockingHub(Settings.load(written(PUBLIC, STORE, VAULT, GITHUB))) as hub:
        assert hub.vault is hub.vault
        hub.vault.put_key("k", Secret.value("canary-key"))
        assert hub.vault.access_token("k").reveal() == "canary-key"
        assert hub.vault.authorization("k", client="github").permits("api.github.com")


def test_an_issuer_that_is_down_stops_no_webhook_and_is_asked_again(written, monkeypatch) -> None:
    monkeypatch.setattr(identity, "ISSUER_SECONDS", 0.01)
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    issuer = f"[oauth.id]\nissuer = 'http://127.0.0.1:{port}'\nclient_id = 'a'\n"
    told: list[object] = []
    twice = threading.Event()

    def listen(event: object) -> None:
        if isinstance(event, IssuerUnavailable):
            told.append(event)
            if len(told) == 2:
                twice.set()

    async def story() -> None:
        hub = Hub(Settings.load(written(PUBLIC, STORE, VAULT, issuer)), listeners=[listen])
        async with hub:
            await hub.vault.put_key("k", Secret.value("canary-key"))
            assert await asyncio.to_thread(twice.wait, 20)
            assert hub.failure is None

    asyncio.run(story())
    assert "127.0.0.1" in str(told[0])


def test_a_start_waits_no_longer_for_a_silent_issuer_than_it_has_patience(
    written, monkeypatch
) -> None:
    monkeypatch.setattr(life, "ISSUER_PATIENCE_SECONDS", 0.01)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
        issuer = f"[oauth.id]\nissuer = 'http://127.0.0.1:{port}'\nclient_id = 'a'\n"

        async def story() -> None:
            hub = Hub(Settings.load(written(PUBLIC, STORE, VAULT, issuer)))
            async with hub:
                await hub.vault.put_key("k", Secret.value("canary-key"))

        asyncio.run(story())


def test_what_a_hub_that_was_not_started_cannot_do_says_so(written) -> None:
    issuer = "[oauth.id]\nissuer = 'http://127.0.0.1:9'\nclient_id = 'a'\n"
    hub = Hub(Settings.load(written(PUBLIC, STORE, VAULT, issuer)))

    async def scene():
        with pytest.raises(ConfigurationError, match="Start the hub") as caught:
            await hub.vault.put("id", Tokens(access=Secret.value("t"), issued_at=0.0), client="id")
        with pytest.raises(FlowError) as refused:
            await hub.accounts.flows.begin(FlowKind.LOGIN, "id")
        await hub.stop()
        return str(caught.value), refused.value.reason

    said, reason = asyncio.run(scene())
    assert "Configured clients" not in said
    assert reason == "not_started"
    app = Starlette(routes=SignIn(hub.accounts, on_login=str).routes())
    with TestClient(app) as client:
        assert client.get("/login/id").status_code == 503
        assert client.get("/login/other").status_code == 404
    asyncio.run(hub.stop())


def test_idle_grants_are_kept_alive_by_whoever_handles_and_a_vault_that_fails_is_told(
    written, monkeypatch
) -> None:
    monkeypatch.setattr(identity, "KEEP_ALIVE_SECONDS", 0.01)
    settings = Settings.load(written(PUBLIC, STORE, VAULT, GITHUB))
    rounds, told = [], []

    async def story(work: bool) -> None:
        hub = Hub(settings, listeners=[told.append])
        failing = asyncio.Event()
        vault = hub.vault

        async def keep_alive() -> int:
            rounds.append(work)
            if len(rounds) == 2:
                raise StoreUnavailableError("away")
            if len(rounds) > 2:
                failing.set()
            return 0

        monkeypatch.setattr(type(vault), "keep_alive", lambda _: keep_alive())
        await hub.start(work=work)
        if work:
            await asyncio.wait_for(failing.wait(), 30)
        await hub.stop()

    asyncio.run(story(True))
    assert [one.error for one in told if isinstance(one, KeepAliveFailed)] == ["away"]
    seen = len(rounds)
    asyncio.run(story(False))
    assert len(rounds) == seen
