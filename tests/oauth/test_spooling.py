"""Refreshes while the vault's file cannot be written."""

from types import SimpleNamespace

import pytest

from hardpoint.core.errors import (
    ReauthorizationRequiredError,
    StoreUnavailableError,
)
from hardpoint.oauth.states import TokenSpooled
from hardpoint.oauth.transitions import Timing
from hardpoint.store.vault import VaultFile


@pytest.fixture
def impatient(world, monkeypatch):
    def make(**facts):
        there = world(**facts)
        monkeypatch.setattr(there.vault._file, "_busy", 0.0)
        return there

    return make


def test_tokens_that_cannot_be_committed_are_spooled_and_taken_in_later(impatient, bends):
    there = impatient()
    there.connect()
    there.expire()
    readers = []
    there.transport.script = [bends.meanwhile(lambda: readers.append(there.blocked()))]
    assert there.token() == there.token() == "canary-access-1-2"
    (spooled,) = (one for one in there.events if isinstance(one, TokenSpooled))
    assert (spooled.connection, spooled.version) == ("c", 2)
    (file,) = there.path.parent.joinpath("vault.db.spool").iterdir()
    assert file.stat().st_mode & 0o777 == 0o600
    assert b"canary" not in file.read_bytes()
    readers[0].close()
    reopened = there.another()
    there.do(reopened.open())
    assert there.token(vault=reopened) == "canary-access-1-2"
    assert there.status().version == 2
    assert list(file.parent.iterdir()) == []
    there.expire()
    there.token(vault=reopened)
    assert there.server.alive()
    assert there.refreshes == 2


def test_what_waits_in_the_spool_is_taken_in_by_whoever_would_refresh(impatient, bends):
    there = impatient()
    there.connect()
    there.expire()
    readers = []
    there.transport.script = [bends.meanwhile(lambda: readers.append(there.blocked()))]
    there.token()
    readers[0].close()
    assert there.token(vault=there.another()) == "canary-access-1-2"
    assert there.refreshes == 1


def test_tokens_that_fit_nowhere_are_tried_again_while_the_lease_lasts(impatient, bends):
    there = impatient()
    there.connect()
    there.expire()
    in_the_way = there.path.with_name("vault.db.spool")
    readers, pauses = [], []

    def full():
        in_the_way.write_text("")
        readers.append(there.blocked())

    def pause(seconds):
        pauses.append(seconds)
        there.clock.pause(seconds)
        if len(pauses) == 3:
            readers[0].close()

    patient = SimpleNamespace(now=there.clock.now, monotonic=there.clock.monotonic, pause=pause)
    vault = there.another(clock=patient, file=VaultFile(there.path, busy=0.0))
    there.transport.script = [bends.meanwhile(full)]
    assert there.token(vault=vault) == "canary-access-1-2"
    assert len(pauses) == 3
    assert there.token() == "canary-access-1-2"


def test_tokens_that_fit_nowhere_for_as_long_as_the_lease_are_told(impatient, bends):
    there = impatient(timing=Timing(exchange=0.5, lease=1.0, busy=0.2))
    there.connect()
    there.expire()
    in_the_way = there.path.with_name("vault.db.spool")
    in_the_way.write_text("")
    readers = []
    there.transport.script = [bends.meanwhile(lambda: readers.append(there.blocked()))]
    with pytest.raises(StoreUnavailableError, match="spool"):
        there.token()
    readers[0].close()
    in_the_way.unlink()
    there.clock.advance(2)
    with pytest.raises(ReauthorizationRequiredError):
        there.token()
    assert there.server.alive()


def test_what_waits_for_a_connection_that_was_connected_anew_is_thrown_away(impatient, bends):
    there = impatient()
    there.connect()
    there.expire()
    readers = []
    there.transport.script = [bends.meanwhile(lambda: readers.append(there.blocked()))]
    there.token()
    readers[0].close()
    there.connect()
    reopened = there.another()
    there.do(reopened.open())
    assert there.token(vault=reopened) == "canary-access-2-3"


def test_a_vault_that_cannot_be_claimed_serves_what_lives(impatient):
    there = impatient()
    there.connect()
    there.near()
    with there.blocked_for_all():
        assert there.token() == "canary-access-1-1"
        there.clock.advance(120)
        with pytest.raises(StoreUnavailableError):
            there.token()
    assert there.transport.sent == 0
