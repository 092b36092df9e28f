"""Tokens of a client's own, and grants that must not be forgotten for want of use."""

import pytest

from hardpoint.core.errors import ClientRefusedError, ReauthorizationRequiredError
from hardpoint.core.secrets import Secret
from hardpoint.oauth.catalogue import Client
from hardpoint.oauth.states import ClientRefused
from hardpoint.oauth.tokens import Tokens
from hardpoint.runtime.work import BlockingWork

DAY = 86_400.0


@pytest.fixture
def own(world):
    """A world whose client gets tokens for itself."""

    def own(**facts):
        there = world(**facts)
        there.client = Client(
            entry=there.entry,
            client_id="client",
            client_secret=Secret.value("client-secret"),
            scopes=("api", "more"),
            for_itself=True,
        )
        there.vault = there.another()
        return there

    return own


def test_a_client_gets_tokens_for_itself_once_and_keeps_them(own):
    there = own()
    assert there.token("acme") == there.token("acme") == "canary-access-1-1"
    assert there.token("acme", vault=there.another()) == "canary-access-1-1"
    assert there.transport.sent == 1
    status = there.status("acme")
    assert (status.kind, status.client, status.scope) == ("client", "acme", ("api", "more"))
    assert there.status("acme").state.value == "active"


def test_they_are_renewed_before_they_end_whatever_was_lost(own, bends):
    there = own()
    there.token("acme")
    there.near()
    there.transport.script = [bends.lost]
    assert there.token("acme") == "canary-access-1-1", "it lasts a while yet"
    there.expire()
    assert there.token("acme") == "canary-access-3-3"
    assert there.status("acme").state.value == "active"


def test_a_token_that_the_api_refused_is_replaced(own):
    there = own()
    first = there.token("acme")
    there.clock.advance(61)
    assert there.do(there.vault.report_rejected("acme", Secret.value(first)))
    assert there.token("acme") != first


@pytest.mark.parametrize("code", ["invalid_client", "invalid_grant", "interaction_required"])
def test_a_refusal_is_the_clients_matter_since_there_is_no_user(own, bends, code):
    there = own()
    body = f'{{"error": "{code}"}}'.encode()
    there.transport.script = [bends.answering(400, body)]
    with pytest.raises(ClientRefusedError):
        there.token("acme")
    assert [one.reason for one in there.events if isinstance(one, ClientRefused)] == [code]
    there.clock.advance(61)
    assert there.token("acme") == "canary-access-1-1"


def test_it_is_given_back_and_begun_anew(own):
    there = own(entry_facts={"revocation_url": "https://acme.example/revoke"})
    first = there.token("acme")
    assert there.do(there.vault.disconnect("acme"))
    assert there.token("acme") not in {first, "none"}
    assert there.do(there.vault.refresh("acme")).version > 2


def test_it_belongs_to_no_user_and_to_no_other_name(own):
    there = own()
    for facts in ({"tenant": "ada"}, {"slot": "other"}):
        with pytest.raises(ReauthorizationRequiredError):
            there.token("acme", **facts)
    with pytest.raises(ReauthorizationRequiredError):
        there.token("other")
    assert there.do(there.vault.connections()) == ()


class Late(BlockingWork):
    """Lets somebody else go first, between its first look and what it does about it."""

    def __init__(self, others):
        super().__init__()
        self.jobs = 0
        self.others = others

    async def do(self, job):
        self.jobs += 1
        if self.jobs == 2:
            await self.others()
        return await super().do(job)


def test_two_that_begin_at_once_begin_one(own):
    there = own()
    late = there.another(work=Late(lambda: there.vault.access_token("acme")))
    assert there.token("acme", vault=late) == "canary-access-1-1"
    assert there.status("acme").version == 2
    assert there.transport.sent == 1


def test_a_refresh_token_is_used_before_its_provider_forgets_it(world):
    there = world(entry_facts={"refresh_idle_seconds": 30 * DAY})
    there.connect("c")
    there.connect("d", tenant="ada")
    there.clock.advance(22 * DAY)
    assert there.do(there.vault.keep_alive()) == 0
    there.clock.advance(DAY)
    assert there.do(there.vault.keep_alive()) == 2
    assert there.do(there.another().keep_alive()) == 0, "another worker finds nothing to do"
    assert there.refreshes == 2
    assert there.token("c").startswith("canary-access-1-")
    assert there.refreshes == 2


def test_its_own_end_counts_where_the_provider_says_one(world):
    there = world()
    document, now = there.server.grant(), there.clock.now()
    tokens = Tokens(
        access=Secret.value(document["access_token"]),
        refresh=Secret.value(document["refresh_token"]),
        issued_at=now,
        expires_at=None,
        refresh_expires_at=now + 8 * DAY,
    )
    there.do(there.vault.put("c", tokens, client="acme"))
    there.do(there.vault.put_key("key", Secret.value("k")))
    there.clock.advance(5 * DAY)
    assert there.do(there.vault.keep_alive()) == 0
    there.clock.advance(DAY)
    assert there.do(there.vault.keep_alive()) == 1


def test_what_is_gone_is_left_alone_and_what_fails_waits_for_the_next_round(world, bends):
    there = world(rotation="static", entry_facts={"refresh_idle_seconds": 10 * DAY})
    there.connect("c")
    there.clock.advance(8 * DAY)
    there.transport.script = [bends.unreachable]
    assert there.do(there.vault.keep_alive()) == 0
    assert there.status("c").state.value == "degraded"
    there.clock.advance(3600)
    assert there.do(there.vault.keep_alive()) == 1
    there.clock.advance(8 * DAY)
    there.server.end()
    assert there.do(there.vault.keep_alive()) == 0
    assert there.status("c").state.value == "needs_reauth"
    there.clock.advance(8 * DAY)
    sent = there.transport.sent
    assert there.do(there.vault.keep_alive()) == 0
    assert there.transport.sent == sent
