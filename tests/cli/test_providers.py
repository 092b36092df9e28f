"""`hardpoint providers`: what the manifests say, for people and for programs."""

import re
from collections.abc import Callable
from typing import Any

import pytest

from hardpoint.core.errors import ConfigurationError
from hardpoint.core.providers import every_name, load, provider
from hardpoint.hub.hub import Hub

Cli = Callable[..., Any]
NAMES = list(every_name())


def test_all_vendors_are_listed_with_their_ports(cli: Cli) -> None:
    run = cli("providers", "list")
    assert run.code == 0
    for name in NAMES:
        assert re.search(rf"^{name} +{', '.join(provider(name).ports)}", run.out, re.MULTILINE)
    listed = cli("providers", "list", "--json").data["providers"]
    assert [one["name"] for one in listed] == NAMES


def test_those_with_a_port_are_listed(cli: Cli) -> None:
    listed = cli("providers", "list", "--port", "sms", "--json").data["providers"]
    assert [one["name"] for one in listed] == [
        name for name in NAMES if "sms" in provider(name).ports
    ]
    run = cli("providers", "list", "--port", "fax")
    assert run.code == 2
    assert "sms" in run.err


@pytest.mark.parametrize("name", NAMES)
def test_what_each_can_do_is_what_its_classes_say(cli: Cli, name: str) -> None:
    data, told = cli("providers", "show", name, "--json").data, cli("providers", "show", name)
    assert told.code == 0
    assert told.out.startswith(provider(name).title)
    assert set(data["ports"]) == set(provider(name).ports)
    for port, reference in provider(name).ports.items():
        own = getattr(load(reference), "capabilities", None)
        if hasattr(own, "flags"):
            assert data["ports"][port]["capabilities"] == sorted(map(str, own.flags))
            for limit, most in own.limits.items():
                assert f"{limit}: {most}" in told.out
    assert (data["webhooks"] is not None) == (provider(name).webhooks is not None)


def test_vendors_say_when_they_were_compared(cli: Cli) -> None:
    for name in NAMES:
        verified = cli("providers", "show", name, "--json").data["verified"]
        if provider(name).ports and provider(name).fake:
            assert re.fullmatch(r"20\d\d-\d\d-\d\d", verified), name


def test_what_it_was_compared_with_is_said_where_it_was_not_its_pages(cli: Cli) -> None:
    assert "verified  2026-12-01, by published excerpts" in cli("providers", "show", "msteams").out
    data = cli("providers", "show", "stripe", "--json").data
    assert data["verified_by"] is None


def test_one_that_nobody_knows_is_an_error_with_the_known_ones(cli: Cli) -> None:
    run = cli("providers", "show", "acme")
    assert run.code == 2
    assert "twilio" in run.err


def test_the_port_of_a_vendor_that_has_none_says_which_have(tmp_path, monkeypatch) -> None:
    monkeypatch.setenv("KEY", "sk_test_0123456789abcdef")
    file = tmp_path / "hardpoint.toml"
    file.write_text('[connections.ops]\nprovider = "stripe"\nsecret_key = "env:KEY"\n')
    with pytest.raises(ConfigurationError, match=r"stripe has no chat.*discord.*slack"):
        Hub.load(file).chat("ops")
