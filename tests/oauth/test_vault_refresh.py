"""Refreshing: once, never what may be used up, and never losing what came."""

from types import SimpleNamespace

import pytest

from hardpoint.core.errors import (
    ClientRefusedError,
    ConfigurationError,
    ReauthorizationRequiredError,
    TokenEndpointError,
    TokenRefreshError,
    UnavailableError,
)
from hardpoint.oauth import refresh
from hardpoint.oauth.states import ClientAccepted, ClientRefused, TokenRefreshed
from hardpoint.oauth.transitions import Next, Timing
from hardpoint.store.vault import SlotKey

ROTATIONS = ("static", "grace", "strict")


def test_a_fresh_token_is_handed_out_as_it_is(world):
    there = world()
    there.connect()
    assert there.token() == there.token() == "canary-access-1-1"
    assert there.refreshes == 0


@pytest.mark.parametrize("rotation", ROTATIONS)
def test_a_token_near_its_end_is_renewed_early(world, rotation):
    there = world(rotation=rotation)
    there.connect()
    there.near()
    assert there.token() == "canary-access-1-2"
    assert there.status().version == 2
    assert there.refreshes == 1
    assert [type(one) for one in there.events if isinstance(one, TokenRefreshed)]


def test_several_expiries_in_a_row_use_each_refresh_token_once(world):
    there = world()
    there.connect()
    for _ in range(4):
        there.expire()
        there.token()
    used = [entry.facts["token"] for entry in there.server.ledger.entries("refresh")]
    assert len(used) == len(set(used)) == 4
    assert there.moves() == [("active", None)]


def test_what_another_process_renewed_is_taken_over(world):
    there = world()
    there.connect()
    there.token()
    there.near()
    other = there.another()
    assert there.token(vault=other) == there.token() == "canary-access-1-2"
    assert there.refreshes == 1


@pytest.mark.parametrize(
    "quirks",
    [
        {"errors_with_200"},
        {"form_answers"},
        {"life_as_text"},
        {"keeps_refresh_token"},
        {"null_refresh_token"},
        {"no_life"},
    ],
)
def test_the_oddities_of_real_servers_lose_no_grant(world, quirks):
    there = world(rotation="static", quirks=quirks)
    there.connect()
    for _ in range(3):
        there.expire()
        there.token()
    assert there.server.alive()
    assert there.status().state.value == "active"


# Answers that are lost


@pytest.mark.parametrize("rotation", ["static", "grace"])
def test_a_lost_answer_costs_nothing_where_the_token_can_be_sent_again(world, bends, rotation):
    there = world(rotation=rotation)
    there.connect()
    there.expire()
    there.transport.script = [bends.lost]
    with pytest.raises(TokenRefreshError) as caught:
        there.token()
    assert there.status().state.value == "degraded"
    there.clock.advance(caught.value.retry_after)
    assert there.token().startswith("canary-access-1-")
    assert there.server.alive()
    assert there.moves() == [("active", None), ("degraded", "refresh_failed"), ("active", None)]


def test_after_a_lost_answer_a_strict_token_is_never_sent_again(world, bends):
    there = world()
    there.connect()
    there.near()
    there.transport.script = [bends.lost]
    assert there.token() == "canary-access-1-1"  # it lives, and is served to its end
    assert there.status().state.value == "in_doubt"
    for _ in range(3):
        there.clock.advance(19)
        assert there.token() == "canary-access-1-1"
    there.clock.advance(10)
    for _ in range(3):
        with pytest.raises(ReauthorizationRequiredError) as caught:
            there.token()
        assert caught.value.reason == "lost_answer"
    assert there.transport.sent == 1
    assert there.server.alive(), "a second use would have ended the grant"
    assert there.moves() == [
        ("active", None),
        ("in_doubt", "lost_answer"),
        ("needs_reauth", "lost_answer"),
    ]


def test_who_answers_for_it_may_send_it_again(world, bends):
    there = world()
    there.connect()
    there.expire()
    there.transport.script = [bends.cut]
    for _ in range(2):
        with pytest.raises(ReauthorizationRequiredError):
            there.token()
    status = there.do(there.vault.refresh("c", resend=True))
    assert (status.state.value, there.token()) == ("active", "canary-access-1-2")


def test_sent_again_in_vain_it_was_the_lost_answer(world, bends):
    there = world()
    there.connect()
    there.near()
    there.transport.script = [bends.lost]
    there.token()
    with pytest.raises(ReauthorizationRequiredError) as caught:
        there.do(there.vault.refresh("c", resend=True))
    assert caught.value.reason == "lost_answer"


def test_beyond_its_grace_a_token_is_strict(world, bends):
    there = world(rotation="grace", reuse_grace=60.0)
    there.connect()
    there.expire()
    there.transport.script = [bends.lost]
    with pytest.raises(TokenRefreshError):
        there.token()
    there.clock.advance(55)
    with pytest.raises(ReauthorizationRequiredError):
        there.token()
    assert there.transport.sent == 1


ASKED = {"introspection_url": "https://acme.example/introspect"}


def test_a_provider_that_can_tell_is_asked(world, bends):
    there = world(entry_facts=ASKED)
    there.connect()
    there.expire()
    there.transport.script = [bends.cut]
    with pytest.raises(TokenRefreshError) as caught:
        there.token()
    there.clock.advance(caught.value.retry_after)
    assert there.token() == "canary-access-1-2"
    assert there.server.ledger.count("introspect") == 1


def test_a_provider_that_was_asked_says_it_is_gone(world, bends):
    there = world(entry_facts=ASKED)
    there.connect()
    there.expire()
    there.transport.script = [bends.lost]
    with pytest.raises(TokenRefreshError):
        there.token()
    there.clock.advance(60)
    with pytest.raises(ReauthorizationRequiredError):
        there.token()
    assert there.server.alive()


def test_a_provider_that_does_not_say_is_asked_later(world, bends):
    there = world(entry_facts=ASKED)
    there.connect()
    there.expire()
    there.transport.script = [bends.cut, bends.unreachable]
    for _ in range(2):
        with pytest.raises(TokenRefreshError) as caught:
            there.token()
        there.clock.advance(caught.value.retry_after)
    assert there.token() == "canary-access-1-2"


def test_a_reconnect_while_the_provider_is_asked_makes_the_question_void(world, bends):
    there = world(entry_facts=ASKED)
    there.connect()
    there.expire()
    there.transport.script = [bends.cut, bends.meanwhile(there.connect)]
    with pytest.raises(TokenRefreshError):
        there.token()
    there.clock.advance(60)
    assert there.token() == "canary-access-2-2"


# Refusals


def test_a_grant_that_was_taken_back_is_known_at_the_first_refresh(world):
    there = world()
    there.connect()
    there.server.end()
    there.near()
    for _ in range(3):
        with pytest.raises(ReauthorizationRequiredError) as caught:
            there.token()
    assert (caught.value.connection, caught.value.reason) == ("c", "revoked")
    assert there.transport.sent == 1
    assert there.moves() == [("active", None), ("needs_reauth", "revoked")]
    there.connect()
    assert there.token() == "canary-access-2-2"
    assert there.moves()[-1] == ("active", None)


def test_a_refresh_token_past_its_end_is_told_as_that(world):
    there = world(entry_facts={"refresh_seconds": 100.0})
    there.connect()
    there.do(there.vault.refresh("c"))
    there.server.end()
    there.expire()
    with pytest.raises(ReauthorizationRequiredError) as caught:
        there.token()
    assert caught.value.reason == "refresh_expired"


def test_a_provider_that_wants_the_person_gets_it(world, bends):
    there = world()
    there.connect()
    there.expire()
    there.transport.script = [bends.answering(400, b'{"error": "interaction_required"}')]
    with pytest.raises(ReauthorizationRequiredError) as caught:
        there.token()
    assert caught.value.reason == "interaction_required"


@pytest.mark.parametrize(
    ("status", "body"),
    [(500, b'{"error": "invalid_grant"}'), (503, b""), (429, b""), (403, b"<html>")],
)
def test_what_may_pass_takes_no_grant_and_is_not_hammered(world, bends, status, body):
    there = world(rotation="static")
    there.connect()
    there.expire()
    there.transport.script = [bends.answering(status, body)]
    for _ in range(5):
        with pytest.raises(TokenRefreshError) as caught:
            there.token()
        assert 0 < caught.value.retry_after <= 5
    assert there.transport.sent == 1
    there.clock.advance(5)
    assert there.token() == "canary-access-1-2"


def test_the_waits_grow_and_what_the_provider_asks_for_is_the_least(world, bends):
    there = world()
    there.connect()
    there.expire()
    waits = []
    for _ in range(16):
        there.transport.script = [bends.unreachable]
        with pytest.raises(TokenRefreshError) as caught:
            there.token()
        waits.append(caught.value.retry_after)
        there.clock.advance(caught.value.retry_after)
    assert waits[:4] == [5.0, 10.0, 20.0, 40.0]
    assert waits[-1] == 6 * 3600.0
    assert there.token() == "canary-access-1-2"
    assert there.status().failures == 0


def test_while_it_lives_a_token_is_served_whatever_fails(world, bends):
    there = world()
    there.connect()
    there.near()
    there.transport.script = [bends.unreachable]
    assert there.token() == "canary-access-1-1"
    assert there.status().state.value == "degraded"


def test_a_refused_client_is_the_operators_matter_and_told_once(world):
    there = world()
    for number in range(20):
        there.connect(f"c{number}")
    there.server.client_secret = "another"
    there.expire()
    for number in range(20):
        with pytest.raises(ClientRefusedError, match=r"oauth\.acme"):
            there.token(f"c{number}")
    assert there.transport.sent == 1
    assert [one for one in there.events if isinstance(one, ClientRefused)] == [
        ClientRefused(client="acme", reason="invalid_client")
    ]
    assert {one.state.value for one in there.do(there.vault.connections())} == {"active"}
    assert there.status("c1").client_refused
    there.server.client_secret = "client-secret"
    there.clock.advance(60)
    there.token("c0")
    assert ClientAccepted(client="acme") in there.events
    assert not there.status("c1").client_refused


def test_a_client_that_is_refused_again_is_not_told_again(world):
    there = world()
    there.connect()
    there.server.client_secret = "another"
    there.expire()
    for _ in range(3):
        with pytest.raises(ClientRefusedError):
            there.token()
        there.clock.advance(60)
    assert there.transport.sent == 3
    assert sum(isinstance(one, ClientRefused) for one in there.events) == 1


# Tokens the API refuses


def test_a_token_that_the_api_refuses_is_replaced_once(world):
    there = world()
    there.connect()
    token = there.do(there.vault.access_token("c"))
    there.clock.advance(61)
    for _ in range(5):
        assert there.do(there.vault.report_rejected("c", token))
    assert there.token() == "canary-access-1-2"
    assert there.do(there.vault.report_rejected("c", token)), "it was replaced before"
    assert there.refreshes == 1


def test_a_new_token_that_the_api_refuses_is_not_replaced_over_and_over(world):
    there = world()
    there.connect()
    assert not there.do(there.vault.report_rejected("c", there.do(there.vault.access_token("c"))))
    assert there.token() == "canary-access-1-1"


def test_a_token_from_a_clock_that_was_ahead_is_replaced_when_the_api_refuses_it(world):
    there = world()
    there.connect()
    there.clock.jump(-3600)
    assert there.do(there.vault.report_rejected("c", there.do(there.vault.access_token("c"))))
    assert there.token() == "canary-access-1-2"


def test_while_a_refused_token_cannot_be_replaced_nobody_gets_it(world, bends):
    there = world()
    there.connect()
    there.clock.advance(61)
    there.do(there.vault.report_rejected("c", there.do(there.vault.access_token("c"))))
    there.transport.script = [bends.unreachable]
    with pytest.raises(TokenRefreshError):
        there.token()


def test_a_refused_token_of_an_unknown_connection_is_nobodys(world):
    there = world()
    there.connect()
    token = there.do(there.vault.access_token("c"))
    assert not there.do(there.vault.report_rejected("none", token))


# Two at a time


def test_while_another_process_is_at_it_the_living_token_is_served(world, bends):
    there = world()
    there.connect()
    there.near()
    other, seen = there.another(), []
    there.transport.script = [bends.meanwhile(lambda: seen.append(there.token(vault=other)))]
    assert there.token() == "canary-access-1-2"
    assert seen == ["canary-access-1-1"]
    assert there.transport.sent == 1


def test_in_one_process_too(world, bends):
    there = world()
    there.connect()
    there.near()
    seen = []
    there.transport.script = [bends.meanwhile(lambda: seen.append(there.token()))]
    assert there.token() == "canary-access-1-2"
    assert seen == ["canary-access-1-1"]


def test_nobody_waits_for_ever(world, bends):
    there = world(timing=Timing(exchange=0.5, lease=1.0, busy=0.2))
    there.connect()
    there.expire()

    wall = there.clock.now()
    standing = SimpleNamespace(
        now=lambda: wall,
        monotonic=there.clock.monotonic,
        pause=there.clock.pause,
    )
    other = there.another(clock=standing)

    def waits_in_vain():
        with pytest.raises(TokenRefreshError, match="another process is at it"):
            there.token(vault=other)

    there.transport.script = [bends.meanwhile(waits_in_vain)]
    assert there.token() == "canary-access-1-2"


def test_without_a_living_token_one_waits_for_the_other_process_as_long_as_it_may_take(
    world, bends
):
    there = world(timing=Timing(exchange=0.5, lease=1.0, busy=0.2))
    there.connect()
    there.expire()
    other, started = there.another(), there.clock.monotonic()

    def waits_in_vain():
        with pytest.raises(ReauthorizationRequiredError):
            there.token(vault=other)

    there.transport.script = [bends.meanwhile(waits_in_vain)]
    # The other one stood still for longer than its lease: it counts as lost. Then its answer comes.
    assert there.token() == "canary-access-1-2"
    assert there.clock.monotonic() - started >= 1.0
    assert there.token(vault=other) == "canary-access-1-2"
    assert there.transport.sent == 1


@pytest.mark.parametrize("jump", [3600.0, -3600.0])
def test_a_clock_that_jumps_while_the_answer_is_on_its_way_sends_nothing_twice(world, bends, jump):
    there = world()
    there.connect()
    there.near()
    other = there.another()

    def jumps():
        there.clock.jump(jump)
        try:
            there.token(vault=other)
        except ReauthorizationRequiredError:
            assert jump > 0

    there.transport.script = [bends.meanwhile(jumps)]
    there.do(there.vault.refresh("c"))
    assert there.status().version == 2
    assert there.server.alive()
    assert there.transport.sent == 1


def test_a_lease_from_a_clock_that_was_set_back_does_not_last_for_ever(world, bends, monkeypatch):
    monkeypatch.setattr(refresh, "_POLL_SECONDS", 1.0)  # of the clock that is moved by hand
    there = world(rotation="static")
    there.connect()
    there.near()

    def dies(answer):
        raise KeyboardInterrupt

    there.transport.script = [dies]
    with pytest.raises(KeyboardInterrupt):
        there.token()
    there.clock.jump(-7200)
    assert there.do(there.vault.refresh("c")).version == 2


def test_a_refresh_asked_for_waits_for_the_one_under_way(world, bends):
    there = world()
    there.connect()
    other = there.another()

    def reconnects():
        there.connect()
        assert there.do(other.refresh("c")).version == 3

    there.transport.script = [bends.meanwhile(reconnects)]
    there.do(there.vault.refresh("c"))
    assert there.token() == "canary-access-2-4", "the late answer of the old grant was dropped"


@pytest.mark.parametrize("bend", ["lost", "unreachable"])
def test_a_failure_that_comes_after_a_reconnect_changes_nothing(world, bends, bend):
    there = world()
    there.connect()

    def late(answer):
        there.connect()
        return getattr(bends, bend)(answer)

    there.transport.script = [late]
    there.do(there.vault.refresh("c"))
    assert there.status().state.value == "active"
    assert there.token().startswith("canary-access-2-")


def test_a_failure_that_comes_while_another_is_at_it_takes_nobody_s_lease(world, bends):
    there = world(rotation="static", timing=Timing(exchange=0.5, lease=1.0, busy=0.2))
    there.connect()
    there.expire()
    other, leases = there.another(), []

    def outlived(answer):
        there.clock.advance(2)  # it stood still for longer than its lease
        there.transport.script = [bends.meanwhile(again)]
        assert there.token(vault=other) == "canary-access-1-2"
        raise UnavailableError("no connection")

    def again():
        leases.append(there.status().refreshing)

    there.transport.script = [outlived]
    assert there.token() == "canary-access-1-2"
    assert leases == [True]
    assert there.status().state.value == "active"


def test_a_failure_after_the_lease_leaves_the_next_ones_claim_alone(world, bends):
    there = world(rotation="static", timing=Timing(exchange=0.5, lease=1.0, busy=0.2))
    there.connect()
    there.near()
    refresher = there.vault._refresher
    known = there.vault._commits.look(SlotKey("default", "c"))
    first = refresher._claim(known.row, known, asked=True, resend=False)
    there.clock.advance(2)
    second = refresher._claim(known.row, known, asked=True, resend=False)
    assert (first.step, second.step) == (Next.SEND, Next.SEND)
    refresher._refused(first, TokenEndpointError("late"))
    status = there.status()
    assert (status.refreshing, status.failures) == (True, 0)
    refresher._refused(second, TokenEndpointError("no"))
    assert there.status().failures == 1


# The vault cannot be written


def test_a_connection_whose_client_is_gone_from_the_configuration_says_so(world):
    there = world()
    there.connect()
    there.expire()
    with pytest.raises(ConfigurationError, match=r"oauth\.acme"):
        there.token(vault=there.another(clients={}))
