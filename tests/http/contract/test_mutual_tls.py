"""`auth = "mtls"`, as a configuration file has it, against a server that asks who calls."""

import asyncio
import ssl

import pytest

from hardpoint import ConfigurationError, OutcomeUnknownError, UnavailableError
from hardpoint.hub.hub import Hub
from hardpoint.sync import Hub as BlockingHub


@pytest.fixture
def peer(listen, authority):
    """Answers with the name in its caller's certificate."""
    server = authority.serving("127.0.0.1")
    server.verify_mode = ssl.CERT_REQUIRED
    server.load_verify_locations(str(authority.file))

    def script(line):
        while True:
            line.request()
            line.answer(line.end.getpeercert()["subject"][0][0][1].encode())

    return listen(script, tls=server)


@pytest.fixture
def call(tmp_path, peer, authority):
    """Asks it once, in one of the modes, by a connection with these lines."""

    def ask(lines, mode="asyncio"):
        path = tmp_path / "hardpoint.toml"
        path.write_text(
            f'[connections.bank]\nprovider = "rest"\nbase_url = "{peer.url}"\n{lines}\n'
            'policy = { preset = "no_retry" }\n'
        )
        if mode == "blocking":
            with BlockingHub.load(path) as hub:
                return hub.rest("bank").get("/accounts").text

        async def once():
            async with Hub.load(path) as hub:
                return (await hub.rest("bank").get("/accounts")).text

        return asyncio.run(once())

    return ask


@pytest.fixture
def trusting(authority):
    return f'auth = "mtls"\nauthorities = "{authority.file}"\n'


@pytest.mark.parametrize("mode", ["asyncio", "blocking"])
def test_the_server_learns_who_calls(call, authority, trusting, mode):
    certificate = authority.issued("client.example")
    assert call(f'{trusting}certificate = "{certificate}"', mode) == "client.example"


def test_the_key_may_have_a_file_of_its_own(call, authority, trusting, tmp_path):
    whole = authority.issued("split.example").read_text()
    at = whole.index("-----BEGIN PRIVATE KEY")
    (tmp_path / "own.pem").write_text(whole[:at])
    (tmp_path / "own.key").write_text(whole[at:])
    files = 'certificate = "own.pem"\ncertificate_key = "own.key"'
    assert call(trusting + files) == "split.example"


def test_it_goes_together_with_a_key(call, authority, trusting, monkeypatch):
    monkeypatch.setenv("BANK_KEY", "k-1")
    lines = trusting.replace("mtls", "bearer") + 'key = "env:BANK_KEY"\n'
    certificate = authority.issued("client.example")
    assert call(f'{lines}certificate = "{certificate}"') == "client.example"


def test_without_one_nothing_is_answered(call, peer, trusting):
    with pytest.raises((UnavailableError, OutcomeUnknownError)):
        call(trusting.replace("mtls", "none"))
    assert not peer.heard


def test_one_of_another_authority_is_refused(call, peer, authority, trusting, tmp_path):
    stranger = type(authority)(tmp_path).issued("client.example")
    with pytest.raises((UnavailableError, OutcomeUnknownError)):
        call(f'{trusting}certificate = "{stranger}"')
    assert not peer.heard


def test_a_server_that_nobody_vouches_for_gets_nothing(call, peer, authority, tmp_path):
    other = type(authority)(tmp_path)
    certificate = authority.issued("client.example")
    with pytest.raises(UnavailableError):
        call(f'auth = "mtls"\nauthorities = "{other.file}"\ncertificate = "{certificate}"')
    assert not peer.heard


def test_a_file_that_cannot_be_used_is_named(call, trusting, tmp_path):
    (tmp_path / "own.pem").write_text("no certificate")
    with pytest.raises(ConfigurationError, match="certificate"):
        call(f'{trusting}certificate = "own.pem"')
