import asyncio
import time
from pathlib import Path

import pytest

from hardpoint.core.secrets import Secret
from hardpoint.fakes.authorization import FakeAuthorization
from hardpoint.fakes.server import FakeServer
from hardpoint.hub.settings import Settings
from hardpoint.oauth.catalogue import ProviderEntry, RefreshRotation
from hardpoint.oauth.tokens import Tokens
from hardpoint.providers.github import oauth

K1 = "k1:" + "A" * 43 + "="
K2 = "k2:" + "B" * 43 + "="


class Deployment:
    """A configuration, a vault, and the provider that its registration leads to."""

    def __init__(self, folder, http, server):
        self.folder = folder
        self.server = server
        self.http = http
        self.config = folder / "hardpoint.toml"
        self.ring(K1)
        self.config.write_text(
            'public_url = "https://shop.example"\n[store]\nurl = "sqlite:h.db"\n'
            '[vault]\nkeyring = "file:ring"\n'
            '[oauth.github]\nprovider = "github"\nclient_id = "client"\n'
            'client_secret = "env:CLIENT_SECRET"\nlogin = false\n'
        )

    def ring(self, *entries):
        file = self.folder / "ring"
        file.write_text("\n".join(entries))
        file.chmod(0o600)

    def connect(self, name="c", tenant="default"):
        async def put():
            settings = Settings.load(self.config)
            async with settings.identity.accounts(settings.public_url) as accounts:
                document, now = self.server.grant(), time.time()
                tokens = Tokens(
                    access=Secret.value(document["access_token"]),
                    refresh=Secret.value(document["refresh_token"]),
                    issued_at=now,
                    expires_at=now + 3600,
                )
                await accounts.vault.put(
                    name, tokens, client="github", tenant=tenant, account="A-1"
                )

        asyncio.run(put())


@pytest.fixture
def deployment(folder: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("CLIENT_SECRET", "client-secret")
    server = FakeAuthorization(prefix="canary-")
    with FakeServer(server) as http:
        entry = ProviderEntry(
            name="github",
            authorize_url=f"{http.url}/authorize",
            token_url=f"{http.url}/token",
            revocation_url=f"{http.url}/revoke",
            api_hosts=frozenset(),
            rotation=RefreshRotation.STRICT,
            verified_on=oauth.CONNECT.verified_on,
            sources=(),
        )
        monkeypatch.setattr(oauth, "CONNECT", entry)
        yield Deployment(folder, http, server)


def test_before_anything_was_connected(cli, deployment):
    done = cli("oauth", "status")
    assert (done.code, "no account was connected yet" in done.err) == (4, True)


def test_where_nothing_is_connected_any_more_it_says_so(cli, deployment):
    deployment.connect()
    assert cli("oauth", "revoke", "c", "--force").code == 0
    done = cli("oauth", "status", "--tenant", "t9")
    assert done.out == "No account is connected for t9\n"
    assert done.err == "next:  hardpoint oauth connect NAME, or have a user connect one\n"


def test_status_lists_what_is_connected_and_shows_no_token(cli, deployment):
    deployment.connect("c")
    deployment.connect("d", tenant="t2")
    done = cli("oauth", "status")
    assert done.code == 0
    assert [line.split()[:3] for line in done.out.splitlines()[1:]] == [
        ["default", "c", "active"],
        ["t2", "d", "active"],
    ]
    only = cli("oauth", "status", "--tenant", "t2", "--json")
    assert [one["connection"] for one in only.data["connections"]] == ["d"]
    assert "canary" not in done.out + only.out


def test_refresh_gets_a_new_token(cli, deployment):
    deployment.connect()
    done = cli("oauth", "refresh", "c", "--json")
    assert (done.code, done.data["version"]) == (0, 2)
    assert deployment.server.ledger.count("refresh") == 1
    assert "canary" not in done.out


def test_a_grant_that_is_gone_says_what_to_do(cli, deployment):
    deployment.connect()
    deployment.server.end()
    done = cli("oauth", "refresh", "c")
    assert done.code == 1
    assert "have the user connect the account again" in done.err
    listed = cli("oauth", "status")
    assert (listed.code, "have the user connect c again" in listed.err) == (1, True)


def test_a_refused_client_is_the_operators_to_mend(cli, deployment, monkeypatch):
    deployment.connect()
    monkeypatch.setenv("CLIENT_SECRET", "old")
    run = cli("oauth", "refresh", "c")
    assert (run.code, "[oauth.github] (invalid_client)" in run.err) == (3, True)
    listed = cli("oauth", "status")
    assert (listed.code, "[oauth.github]" in listed.err) == (1, True)
    assert "invalid_client" in listed.out
    health = cli("doctor", "--json")
    found = {one["check"]: one for one in health.data["findings"]}
    assert (found["vault"]["result"], found["vault"]["detail"]) == (
        "fail",
        "refused by their providers: github (invalid_client)",
    )
    assert found["vault"]["fix"] == "renew the secret of [oauth.github]"


def test_a_doubt_names_the_way_out(cli, deployment):
    from hardpoint.fakes.faults import commit_then_drop

    deployment.connect()
    deployment.http.faults.next(commit_then_drop(), on="POST /token")
    assert cli("oauth", "refresh", "c").code == 4
    listed = cli("oauth", "status")
    assert "hardpoint oauth refresh c --tenant default --resend" in listed.err
    assert cli("oauth", "refresh", "c", "--resend").code == 1


def test_revoke_gives_back_and_erases(cli, deployment):
    deployment.connect()
    done = cli("oauth", "revoke", "c")
    assert (done.code, "given back, and erased here" in done.out) == (0, True)
    assert not deployment.server.alive()
    again = cli("oauth", "revoke", "c", "--json")
    assert again.data == {"connection": "c", "confirmed": False}
    assert cli("oauth", "revoke", "none").code == 1


def test_a_key_is_rotated_in_three_steps(cli, deployment):
    deployment.connect()
    nothing = cli("oauth", "rotate-key")
    assert "hardpoint oauth new-key" in nothing.err
    deployment.ring(K2, K1)
    done = cli("oauth", "rotate-key")
    assert "1 credentials are now wrapped with k2" in done.out
    assert "take out of the keyring: k1" in done.out
    deployment.ring(K2)
    assert cli("oauth", "refresh", "c").code == 0


def test_a_new_key_is_printed_alone(cli, folder):
    done = cli("oauth", "new-key")
    assert done.out.startswith("k20231114-")
    assert done.out.count("\n") == 1
    assert cli("oauth", "new-key", "--json").data["key"].startswith("k2023")


def test_the_doctor_looks_into_the_vault(cli, deployment):
    deployment.connect()
    findings = {one["check"]: one for one in cli("doctor", "--json").data["findings"]}
    assert findings["vault"]["detail"] == "1 connected accounts"
    assert findings["vault"]["result"] == "ok"


def test_providers_are_listed_and_the_lines_of_one_are_printed_to_be_copied(cli, folder):
    listed = cli("oauth", "providers")
    assert listed.code == 0
    assert "spotify" in listed.out
    assert "hardpoint oauth providers --show NAME" in listed.err
    assert len(cli("oauth", "providers", "--json").data["providers"]) == 30
    shown = cli("oauth", "providers", "--show", "spotify")
    assert shown.out.startswith("[oauth.spotify]\nclient_id = ")
    assert 'token_url = "https://accounts.spotify.com/api/token"' in shown.out
    assert "developer.spotify.com" in shown.err
    assert "unverified" in cli("oauth", "providers", "--show", "figma").err
    unknown = cli("oauth", "providers", "--show", "nobody")
    assert (unknown.code, "there are no ready lines for nobody" in unknown.err) == (2, True)


def test_an_account_is_connected_by_a_code_that_is_entered_elsewhere(cli, deployment):
    at = deployment.http.url
    with deployment.config.open("a") as settings:
        settings.write(
            '[oauth.acme]\nclient_id = "client"\nclient_secret = "env:CLIENT_SECRET"\n'
            f'authorize_url = "{at}/authorize"\ntoken_url = "{at}/token"\n'
            f'device_url = "{at}/device"\n'
        )
    done = cli("oauth", "connect", "acme", "--device")
    assert done.code == 0
    assert f"{at}/enter  CODE-1" in done.out
    assert f"Or open {at}/enter?code=CODE-1" in done.err
    assert "acme is connected: acme" in done.out
    assert "canary" not in done.out + done.err
    refused = cli("oauth", "connect", "nobody", "--device")
    assert (refused.code, "oauth.nobody" in refused.err) == (3, True)


def test_a_description_is_looked_at_by_the_doctor(cli, folder, monkeypatch):
    monkeypatch.setenv("CLIENT_SECRET", "client-secret")
    monkeypatch.setenv("RING", K1)
    lines = 'client_id = "us"\nclient_secret = "env:CLIENT_SECRET"\n'
    (folder / "hardpoint.toml").write_text(
        'public_url = "https://shop.example"\n[store]\nurl = "sqlite:h.db"\n'
        f'[vault]\nkeyring = "env:RING"\n[oauth.acme]\n{lines}'
        'authorize_url = "https://acme.example/a"\ntoken_url = "https://acme.example/t"\n'
        f'[oauth.own]\n{lines}token_url = "https://own.example/t"\ngrant = "client_credentials"\n'
    )
    found = {one["check"]: one for one in cli("doctor", "--json").data["findings"]}
    assert found["oauth acme"]["detail"] == "acme.example, for connect"
    assert found["oauth own"]["detail"] == "own.example, for itself"
