"""Every entry, whoever's: its page says what it says, and it works against a server of its kind."""

import os
from datetime import date
from pathlib import Path

import pytest

from hardpoint.core.errors import ConfigurationError
from hardpoint.core.providers import load, provider, provider_names
from hardpoint.oauth.catalogue import Pkce, ProviderEntry, RefreshRotation

PAGES = Path(__file__).parents[2] / "docs" / "reference" / "providers"
CALLBACK = "`<public_url>/auth/callback/<name>`"
NAMES = [one for one in provider_names() if provider(one).login or provider(one).connect]
ENTRIES = [
    (name, purpose, load(getattr(provider(name), purpose)))
    for name in NAMES
    for purpose in ("login", "connect")
    if getattr(provider(name), purpose)
]
by_entry = pytest.mark.parametrize(
    ("name", "purpose", "entry"), ENTRIES, ids=[f"{name}-{purpose}" for name, purpose, _ in ENTRIES]
)

ROTATIONS = {
    RefreshRotation.STATIC: "stays; sending it twice harms nothing",
    RefreshRotation.STRICT: "works once; a second use may end the grant",
}


def days(seconds):
    return "not said" if seconds is None else f"{seconds / 86_400:g} days"


def facts_of(entry: ProviderEntry) -> list[tuple[str, str]]:
    """What a page says of an entry."""
    return [
        ("authorize", f"`{entry.authorize_url}`"),
        ("token", f"`{entry.token_url}`"),
        ("scopes", " ".join(f"`{one}`" for one in entry.scopes)),
        ("issuer", f"`{entry.issuer}`" if entry.issuer else "none"),
        ("PKCE", "S256" if entry.pkce is Pkce.S256 else "not used"),
        ("client", f"`{entry.client_auth.value}`"),
        (
            "access token",
            "as the answer says" if entry.access_seconds is None else f"{entry.access_seconds} s",
        ),
        ("refresh token", ROTATIONS[entry.rotation]),
        ("its life", days(entry.refresh_seconds)),
        ("its life unused", days(entry.refresh_idle_seconds)),
        ("revocation", f"`{entry.revocation_url}`" if entry.revocation_url else "none"),
        ("tokens go to", " ".join(f"`{one}`" for one in sorted(entry.api_hosts))),
    ]


def section_of(name: str) -> str:
    """The part of a provider's page that follows from its entries."""
    manifest = provider(name)
    login, connect = (
        None if reference is None else load(reference)
        for reference in (manifest.login, manifest.connect)
    )
    lines = [
        "## Authorization server",
        "",
        f"Redirect URI: {CALLBACK}. Last compared with the sources on {login.verified_on}.",
        "",
        "| | signing in | connecting |",
        "|---|---|---|",
    ]
    for (what, one), (_, other) in zip(facts_of(login), facts_of(connect), strict=True):
        lines.append(f"| {what} | {one} | {other if other != one else '='} |")
    lines += ["", "### Quirks", ""]
    lines += [f"- {quirk}" for quirk in dict.fromkeys((*login.quirks, *connect.quirks))]
    lines += ["", "### Sources", ""]
    lines += [f"- <{source}>" for source in dict.fromkeys((*login.sources, *connect.sources))]
    return "\n".join(lines) + "\n"


@pytest.mark.parametrize("name", NAMES)
def test_a_page_says_what_the_entries_say(name):
    page = PAGES / f"{name}.md"
    section = section_of(name)
    if os.environ.get("WRITE_PAGES") == "1":
        head = page.read_text().partition("## Authorization server")[0]
        page.write_text(head + section)
    assert page.read_text().endswith(section), "run with WRITE_PAGES=1, then read it over"


@by_entry
def test_an_entry_is_the_providers_own_and_was_compared_with_its_sources(name, purpose, entry):
    assert entry.name == name
    assert entry.verified_on >= date(2026, 11, 1)
    assert entry.sources
    assert all(source.startswith("https://") for source in entry.sources)


@by_entry
def test_an_entry_goes_to_https_addresses_alone(name, purpose, entry):
    for field, url in entry._urls():
        assert url.startswith("https://"), field
    assert entry.api_hosts


@by_entry
def test_an_entry_that_signs_people_in_has_keys_or_asks_its_api(name, purpose, entry):
    if purpose == "login":
        assert (entry.jwks_url is None) is (provider(name).identity is not None)
        assert entry.issuer


def test_a_provider_without_one_is_no_provider_to_sign_in_with():
    assert provider("stripe").login is None
    with pytest.raises(ConfigurationError):
        provider("nobody")
