"""What follows for a connection, as a table: every state, every rotation, and clocks that jump."""

import pytest
from msgspec.structs import replace

from hardpoint.core.errors import TokenEndpointError
from hardpoint.oauth.catalogue import RefreshRotation
from hardpoint.oauth.transitions import Next, claimed, failed, given_up, harmless, next_step, takes
from hardpoint.store.vault import ConnectionRow

NOW = 1_700_000_000.0


def row(**facts):
    return ConnectionRow(
        **{
            "tenant": "t",
            "name": "c",
            "slot": "main",
            "kind": "oauth",
            "client": "acme",
            "account": None,
            "state": "active",
            "reason": None,
            "state_since": NOW - 100,
            "version": 3,
            "scope": None,
            "issued_at": NOW - 3600,
            "expires_at": NOW - 1,
            "refresh_expires_at": None,
            "refreshable": 1,
            "created_at": NOW - 9999,
            **facts,
        }
    )


@pytest.fixture
def step(entry):
    def step(the_row, *, rotation=RefreshRotation.STRICT, now=NOW, seen=3, facts=None, **asked):
        grace = {"reuse_grace": 600.0} if rotation is RefreshRotation.GRACE else {}
        return next_step(
            the_row,
            entry(rotation=rotation, **grace, **(facts or {})),
            now,
            seen=seen,
            lease=60.0,
            **asked,
        )

    return step


@pytest.mark.parametrize(
    ("facts", "asked", "expected"),
    [
        ({}, {}, Next.SEND),
        ({"version": 4}, {}, Next.NOTHING),
        ({"refreshable": 0}, {"asked": True}, Next.NOTHING),
        ({"state": "needs_reauth"}, {"asked": True}, Next.NOTHING),
        ({"state": "needs_reauth"}, {"resend": True}, Next.NOTHING),
        ({"state": "needs_reauth", "attempt_at": NOW}, {"resend": True}, Next.SEND),
        ({"state": "disconnected", "attempt_at": NOW}, {"resend": True}, Next.NOTHING),
        ({"lease_until": NOW + 30}, {"asked": True}, Next.WAIT),
        ({"lease_until": NOW}, {}, Next.SEND),
        ({"lease_until": NOW + 66}, {}, Next.SEND),
        ({"retry_at": NOW + 5}, {}, Next.NOTHING),
        ({"retry_at": NOW + 5}, {"asked": True}, Next.SEND),
        ({"retry_at": NOW}, {}, Next.SEND),
        ({"retry_at": NOW + 30 * 86_400}, {}, Next.SEND),
        ({"attempt_at": NOW - 1}, {}, Next.GIVE_UP),
        ({"attempt_at": NOW - 1, "retry_at": NOW + 5}, {}, Next.GIVE_UP),
        ({"attempt_at": NOW - 1}, {"resend": True}, Next.SEND),
    ],
)
def test_what_comes_next(step, facts, asked, expected):
    assert step(row(**facts), **asked) is expected


def test_a_provider_that_can_tell_is_asked_in_its_turn(step):
    can_tell = {"introspection_url": "https://acme.example/introspect"}
    assert step(row(attempt_at=NOW), facts=can_tell) is Next.ASK
    assert step(row(attempt_at=NOW, retry_at=NOW + 5), facts=can_tell) is Next.NOTHING


@pytest.mark.parametrize(
    ("rotation", "since", "expected"),
    [
        (RefreshRotation.STATIC, 1e9, True),
        (RefreshRotation.GRACE, 0, True),
        (RefreshRotation.GRACE, 589, True),
        (RefreshRotation.GRACE, 590, False),
        (RefreshRotation.GRACE, -1, False),
        (RefreshRotation.STRICT, 0, False),
    ],
)
def test_when_a_token_can_be_sent_again(entry, rotation, since, expected):
    grace = {"reuse_grace": 600.0} if rotation is RefreshRotation.GRACE else {}
    assert harmless(entry(rotation=rotation, **grace), NOW - since, NOW) is expected


@pytest.mark.parametrize(
    ("facts", "expected"),
    [
        ({"expires_at": NOW + 1}, "in_doubt"),
        ({"expires_at": NOW}, "needs_reauth"),
        ({"expires_at": None}, "needs_reauth"),
        ({"expires_at": NOW + 1, "rejected": 3}, "needs_reauth"),
    ],
)
def test_what_lives_is_served_to_its_end(facts, expected):
    assert given_up(row(attempt_at=NOW, **facts), NOW).state == expected


def test_a_failure_with_a_known_outcome_leaves_an_earlier_doubt_as_it_was(entry):
    before = row(attempt_at=NOW - 50, lease_until=NOW + 60, lease_owner="me")
    error = TokenEndpointError(retry_after=99.0)
    after = failed(before, error, entry(), NOW, before=NOW - 50, jitter=1.0)
    assert (after.attempt_at, after.lease_until, after.state) == (NOW - 50, None, "needs_reauth")
    static = entry(rotation=RefreshRotation.STATIC)
    after = failed(before, error, static, NOW, before=None, jitter=1.0)
    assert (after.attempt_at, after.state, after.retry_at) == (None, "degraded", NOW + 99)


def test_a_state_that_stays_keeps_its_time(entry):
    before = row(state="degraded", reason="refresh_failed", failures=1)
    after = failed(before, TokenEndpointError(), entry(), NOW, before=None, jitter=0.0)
    assert (after.state_since, after.failures) == (NOW - 100, 2)


def test_an_answer_belongs_to_its_version():
    assert takes(row(), 3)
    assert not takes(row(), 2)
    assert not takes(replace(row(), state="disconnected"), 3)
    assert not takes(None, 3)


def test_a_token_that_was_sent_before_is_in_doubt_from_its_first_time():
    again = claimed(row(attempt_at=NOW - 50), NOW, owner="b", lease=60.0)
    assert again.attempt_at == NOW - 50
    assert claimed(row(), NOW, owner="b", lease=60.0).attempt_at == NOW
