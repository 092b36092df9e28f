import pytest

from hardpoint.core.errors import ConfigurationError
from hardpoint.core.secrets import Secret
from hardpoint.oauth.catalogue import Client, ClientAuth, RefreshRotation

SHOP = {
    "authorize_url": "https://{shop}.acme.example/authorize",
    "token_url": "https://{shop}.acme.example/token",
    "inputs": {"shop": "[a-z0-9][a-z0-9-]*"},
}


def test_a_place_is_filled_with_what_its_pattern_allows(entry) -> None:
    filled = entry(**SHOP).filled({"shop": "blue-1"})
    assert filled.token_url == "https://blue-1.acme.example/token"
    assert filled.inputs == {}


@pytest.mark.parametrize(
    ("inputs", "problem"),
    [
        ({}, "is missing"),
        ({"shop": "evil.example/"}, "does not match"),
        ({"shop": "a\n"}, "does not match"),
        ({"shop": "a", "tenant": "b"}, "is not an input"),
    ],
)
def test_nothing_else_gets_into_a_url(entry, inputs: dict[str, str], problem: str) -> None:
    with pytest.raises(ConfigurationError, match=problem):
        entry(**SHOP).filled(inputs)


@pytest.mark.parametrize(
    ("facts", "problem"),
    [
        ({"token_url": "http://acme.example/token"}, "is not https"),
        ({"revocation_url": "https://u:p@acme.example/"}, "holds credentials"),
        ({"token_url": "https://{shop}.acme.example/token"}, "places without a pattern"),
        ({"rotation": RefreshRotation.GRACE}, "reuse_grace"),
        ({"rotation": RefreshRotation.STRICT, "reuse_grace": 5.0}, "reuse_grace"),
    ],
)
def test_an_entry_that_cannot_be_right_is_refused(entry, facts: dict, problem: str) -> None:
    with pytest.raises(ConfigurationError, match=problem):
        entry(**facts)


def test_an_entry_moves_to_loopback_for_a_fake_and_nowhere_else(entry) -> None:
    moved = entry(userinfo_url="https://acme.example/me").at("http://127.0.0.1:8080")
    assert moved.token_url == "http://127.0.0.1:8080/oauth/token"
    assert moved.userinfo_url == "http://127.0.0.1:8080/me"
    with pytest.raises(ConfigurationError, match="is not on loopback"):
        entry().at("https://evil.example")


def test_the_providers_own_codes_go_before_the_standards(entry) -> None:
    own = entry(errors={"invalid_request": "grant", "bad_refresh_token": "grant"})
    assert [own.verdict(code) for code in ("invalid_request", "bad_refresh_token", "odd")] == [
        "grant",
        "grant",
        None,
    ]
    assert entry().verdict("invalid_request") == "client"


@pytest.mark.parametrize(
    ("facts", "problem"),
    [
        ({"client_id": " "}, "client_id"),
        ({"client_secret": None}, "client_secret"),
    ],
)
def test_a_client_that_cannot_work_is_refused_before_any_request(
    entry, facts: dict, problem: str
) -> None:
    usable = {"entry": entry(), "client_id": "us", "client_secret": Secret.value("s")}
    with pytest.raises(ConfigurationError, match=problem):
        Client(**{**usable, **facts})


def test_a_client_of_an_entry_with_empty_places_is_refused(entry) -> None:
    with pytest.raises(ConfigurationError, match="inputs"):
        Client(entry=entry(**SHOP), client_id="us", client_secret=Secret.value("s"))


def test_a_public_client_needs_no_secret(entry) -> None:
    assert Client(entry=entry(client_auth=ClientAuth.NONE), client_id="us").client_secret is None
