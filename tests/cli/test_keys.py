"""`hardpoint keys`."""

import pytest

from hardpoint.cli.failures import Exit
from hardpoint.sync import Hub


def verify(config, text):
    with Hub.load(config) as hub:
        return hub.api_keys.verify(text)


def test_a_key_is_shown_once(cli, config):
    made = cli("keys", "create", "importer", "--scope", "a", "--scope", "b", "--tenant", "t")
    key = made.out.strip()
    assert made.out == f"{key}\n"
    assert "cannot be shown again" in made.err
    assert verify(config, key).scopes == {"a", "b"}
    listed = cli("keys", "list")
    assert key not in listed.out
    assert key[:15] in listed.out
    assert "active" in listed.out
    assert cli("keys").out == listed.out


def test_programs_get_it_too(cli, config):
    made = cli("keys", "create", "importer", "--expires", "90d", "--json").data
    assert made["expires_at"] - made["created_at"] == 90 * 86_400
    assert made["state"] in {"active", "expired"}
    assert made["key"].startswith(made["prefix"])
    [listed] = cli("keys", "list", "--json").data["keys"]
    assert listed["id"] == made["id"]
    assert "key" not in listed


def test_before_there_is_any(cli, config):
    done = cli("keys", "list")
    assert done.code == 0
    assert "next:  hardpoint keys create NAME" in done.err
    assert cli("keys", "list", "--tenant", "t", "--json").data == {"keys": []}


def test_a_key_is_revoked_by_what_it_begins_with(cli, config):
    made = cli("keys", "create", "importer", "--json").data
    done = cli("keys", "revoke", made["prefix"])
    assert "is revoked" in done.out
    assert cli("keys", "revoke", made["id"], "--json").data["state"] == "revoked"
    assert "revoked" in cli("keys").out


def test_a_key_is_rotated(cli, config):
    made = cli("keys", "create", "importer", "--json").data
    done = cli("keys", "rotate", made["id"], "--grace", "0s")
    assert verify(config, done.out.strip()).name == "importer"
    assert "0s more" in done.err
    states = {one["id"]: one["state"] for one in cli("keys", "--json").data["keys"]}
    assert len(states) == 2


def test_an_expired_key_is_shown_as_such(cli, config, clock):
    made = cli("keys", "create", "importer", "--expires", "1s", "--json").data
    clock.advance(made["expires_at"])
    assert cli("keys", "--json").data["keys"][0]["state"] == "expired"


@pytest.mark.parametrize("verb", ["revoke", "rotate"])
def test_a_key_that_is_not_there(cli, config, verb):
    done = cli("keys", verb, "hpk_nobody", "--json")
    assert (done.code, done.error["code"]) == (Exit.NO, "not_found")
    assert done.error["hint"] == "hardpoint keys list"


@pytest.mark.parametrize(
    "arguments", [("--expires", "soon"), ("--scope", "a b"), ("--tenant", "a/b")]
)
def test_what_cannot_be_is_a_wrong_command_line(cli, config, arguments):
    done = cli("keys", "create", "importer", *arguments)
    assert (done.code, done.out) == (Exit.USAGE, "")


def test_the_brand_is_as_it_is_configured(cli, config):
    config.write_text(config.read_text() + '[api_keys]\nbrand = "acme"\n')
    assert cli("keys", "create", "importer").out.startswith("acme_")
