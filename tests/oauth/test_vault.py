"""Keeping, listing and ending connections; what is where, and for whom."""

import asyncio
import io
import sqlite3
import stat
import threading
import traceback
from types import SimpleNamespace

import pytest
from msgspec.structs import replace

from hardpoint.core.errors import (
    ConfigurationError,
    FlowError,
    InvalidRequestError,
    OAuthError,
    ReauthorizationRequiredError,
    StoreCorruptError,
    StoreUnavailableError,
    TokenEndpointError,
)
from hardpoint.core.secrets import Secret
from hardpoint.http.client import ApiClient
from hardpoint.http.messages import Response
from hardpoint.oauth import access
from hardpoint.oauth.catalogue import Revocation
from hardpoint.oauth.keyring import Keyring
from hardpoint.oauth.spool import Spool, Spooled
from hardpoint.oauth.states import ConnectionChanged
from hardpoint.oauth.tokens import Tokens
from hardpoint.oauth.transitions import Timing
from hardpoint.oauth.vault import Vault
from hardpoint.runtime.work import ThreadWork
from hardpoint.store.vault import SlotKey
from hardpoint.sync.vault import Vault as BlockingVault
from hardpoint.telemetry.logs import configure
from hardpoint.testing.clock import ManualClock

KEY = "k1:" + "A" * 43 + "="


def test_what_is_connected_is_listed_without_its_tokens(world):
    there = world()
    there.connect("a", account="ACC-1")
    there.connect("b", tenant="t2")
    listed = there.do(there.vault.connections())
    assert [(one.tenant, one.connection, one.state.value) for one in listed] == [
        ("default", "a", "active"),
        ("t2", "b", "active"),
    ]
    assert (listed[0].account, listed[0].scope, listed[0].client) == ("ACC-1", ("read",), "acme")
    assert len(there.do(there.vault.connections(tenant="t2"))) == 1
    assert "canary" not in repr(listed)


def test_another_tenants_connection_is_not_there(world):
    there = world()
    there.connect("a", tenant="t2")
    vault = there.vault
    calls = [
        lambda: vault.access_token("a", tenant="t1"),
        lambda: vault.refresh("a", tenant="t1"),
        lambda: vault.disconnect("a", tenant="t1"),
        lambda: vault.status("a", tenant="t1"),
    ]
    for call in calls:
        with pytest.raises(ReauthorizationRequiredError) as caught:
            there.do(call())
        assert caught.value.reason == "not_connected"
    assert there.token("a", tenant="t2") == "canary-access-1-1"


@pytest.mark.parametrize(
    ("field", "names"),
    [
        ("connection", {"connection": "a b"}),
        ("connection", {"connection": ""}),
        ("connection", {"connection": "a\0b"}),
        ("tenant", {"connection": "a", "tenant": "-"}),
        ("slot", {"connection": "a", "slot": "x" * 129}),
    ],
)
def test_a_name_that_cannot_be_one_is_refused(world, field, names):
    there = world()
    with pytest.raises(InvalidRequestError) as caught:
        there.do(there.vault.access_token(**names))
    assert caught.value.field == field


def test_a_connection_stays_with_its_account(world):
    there = world()
    there.connect(account="A")
    with pytest.raises(FlowError, match="another account"):
        there.connect(account="B")
    there.connect(account="A")
    assert there.status().version == 2
    there.do(there.vault.disconnect("c", force=True))
    there.connect(account="B")
    assert there.status().account == "B"


def test_tokens_of_a_client_that_is_not_configured_are_refused(world):
    there = world()
    tokens = Tokens(access=Secret.value("a"), issued_at=0.0)
    with pytest.raises(ConfigurationError, match=r"oauth\.other.*acme"):
        there.do(there.vault.put("c", tokens, client="other"))


def test_one_answer_with_two_credentials_fills_two_slots(world):
    there = world()
    now = there.clock.now()
    person = Tokens(access=Secret.value("canary-person"), issued_at=now)
    bot = Tokens(access=Secret.value("canary-bot"), issued_at=now, slots={"authed_user": person})
    there.do(there.vault.put("c", bot, client="acme"))
    assert there.token() == "canary-bot"
    assert there.token(slot="authed_user") == "canary-person"
    assert there.do(there.vault.disconnect("c")) is False
    for slot in ("main", "authed_user"):
        with pytest.raises(ReauthorizationRequiredError):
            there.token(slot=slot)


def test_a_token_that_ends_and_cannot_be_refreshed_asks_for_the_user(world):
    there = world()
    now = there.clock.now()
    tokens = Tokens(access=Secret.value("a"), issued_at=now, expires_at=now + 60)
    there.do(there.vault.put("c", tokens, client="acme"))
    assert there.token() == "a"
    there.clock.advance(61)
    with pytest.raises(ReauthorizationRequiredError) as caught:
        there.token()
    assert caught.value.reason == "expired"
    with pytest.raises(ReauthorizationRequiredError):
        there.do(there.vault.refresh("none"))


def test_the_details_of_the_answer_stay_with_the_tokens(world):
    there = world()
    now = there.clock.now()
    tokens = Tokens(
        access=Secret.value("a"),
        id_token=Secret.value("i"),
        issued_at=now,
        details={"instance_url": "https://eu.acme.example"},
    )
    there.do(there.vault.put("c", tokens, client="acme"))
    kept = there.do(there.vault.current("c")).tokens
    assert there.do(there.vault.current("c")).tokens is kept
    assert kept.details == {"instance_url": "https://eu.acme.example"}
    assert kept.id_token.reveal() == "i"


# Keys


def test_a_key_is_kept_like_a_token(world):
    there = world()
    status = there.do(there.vault.put_key("k", Secret.value("canary-key"), tenant="t1"))
    assert (status.kind, status.client, status.refreshable) == ("api_key", None, False)
    assert there.token("k", tenant="t1") == "canary-key"
    assert there.do(there.vault.refresh("k", tenant="t1")).version == 1
    there.do(there.vault.put_key("k", Secret.value("canary-new"), tenant="t1"))
    assert there.token("k", tenant="t1") == "canary-new"
    assert there.do(there.vault.disconnect("k", tenant="t1")) is False


def test_a_key_that_the_api_refuses_is_told_and_served(world):
    there = world()
    there.do(there.vault.put_key("k", Secret.value("canary-key")))
    assert not there.do(there.vault.report_rejected("k", Secret.value("canary-key")))
    assert there.moves()[-1] == ("degraded", "rejected")
    assert there.token("k") == "canary-key"


# In place of a static key


class Api:
    def __init__(self, status=200):
        self.status = status
        self.sent = []

    async def send(self, request):
        self.sent.append(dict(request.headers))
        return Response(status=self.status, headers={}, body=b"")


def client_of(there, authorization, api, base_url="https://api.acme.example"):
    client = ApiClient(
        api,
        base_url=base_url,
        hosts={"api.acme.example", "evil.example"},
        authorization=authorization,
    )
    return lambda: there.do(client.send("GET", "/me"))


def test_a_connection_takes_a_static_keys_place(world):
    there = world()
    there.connect()
    api = Api()
    authorization = there.vault.authorization("c", client="acme")
    assert authorization.secrets() == ()
    send = client_of(there, authorization, api)
    send()
    there.expire()
    send()
    assert [one["authorization"] for one in api.sent] == [
        "Bearer canary-access-1-1",
        "Bearer canary-access-1-2",
    ]
    assert authorization.secrets() == ("canary-access-1-2",)


def test_after_a_401_the_next_request_has_another_token(world):
    there = world()
    there.connect()
    api = Api(401)
    send = client_of(there, there.vault.authorization("c", client="acme"), api)
    there.clock.advance(61)
    send()
    send()
    assert [one["authorization"] for one in api.sent] == [
        "Bearer canary-access-1-1",
        "Bearer canary-access-1-2",
    ]
    assert there.refreshes == 1


def test_tokens_go_to_the_hosts_of_their_own_provider_alone(world):
    there = world()
    there.connect()
    with pytest.raises(ConfigurationError, match="credentials may be sent"):
        client_of(
            there, there.vault.authorization("c", client="acme"), Api(), "https://evil.example"
        )
    there.do(there.vault.put_key("k", Secret.value("canary-key")))
    api = Api()
    wrong = client_of(there, there.vault.authorization("k", client="acme"), api)
    with pytest.raises(ConfigurationError, match="it is a key"):
        wrong()
    stolen = there.vault.authorization("c", hosts={"evil.example"})
    with pytest.raises(ConfigurationError, match="issued to acme"):
        client_of(there, stolen, api, "https://evil.example")()
    assert api.sent == []


def test_keys_travel_as_their_provider_wants_them(world):
    there = world()
    there.do(there.vault.put_key("k", Secret.value("canary-key")))
    there.do(there.vault.put_key("b", Secret.value("canary-word"), user="me"))
    api, hosts = Api(401), {"api.acme.example"}
    named = there.vault.authorization("k", hosts=hosts, header="x-acme-token", scheme="")
    client_of(there, named, api)()
    client_of(there, there.vault.authorization("b", hosts=hosts), api)()
    assert api.sent[0]["x-acme-token"] == "canary-key"
    assert api.sent[1]["authorization"] == "Basic bWU6Y2FuYXJ5LXdvcmQ="


# The end


def test_disconnecting_revokes_and_erases(world):
    there = world(entry_facts={"revocation_url": "https://acme.example/revoke"})
    there.connect()
    there.token()
    assert there.do(there.vault.disconnect("c")) is True
    assert there.server.ledger.entries("revoke")[0].facts["token"] == "canary-refresh-1-1"
    with pytest.raises(ReauthorizationRequiredError):
        there.token()
    connection = sqlite3.connect(there.path)
    assert connection.execute("select count(*) from hardpoint_credential").fetchone() == (0,)
    connection.close()
    assert there.do(there.vault.disconnect("c")) is False


def test_what_the_provider_did_not_confirm_is_kept_for_a_second_try(world, bends):
    there = world(entry_facts={"revocation_url": "https://acme.example/revoke"})
    there.connect()
    there.transport.script = [bends.unreachable, bends.unreachable]
    with pytest.raises(TokenEndpointError):
        there.do(there.vault.disconnect("c"))
    assert there.status().reason == "revocation_pending"
    with pytest.raises(ReauthorizationRequiredError):
        there.token()
    assert there.do(there.vault.disconnect("c", force=True)) is False
    there.connect()
    assert there.do(there.vault.disconnect("c")) is True


def test_an_answer_that_comes_after_the_end_is_given_back(world, bends):
    there = world(
        entry_facts={
            "revocation_url": "https://acme.example/revoke",
            "revocation": Revocation.BEARER,
        }
    )
    there.connect()
    there.expire()
    end = lambda: there.do(there.another().disconnect("c", force=True))  # noqa: E731
    there.transport.script = [bends.meanwhile(end), bends.answering(500)]
    with pytest.raises(ReauthorizationRequiredError):
        there.token()
    assert there.status().state.value == "disconnected"
    assert there.transport.sent == 3, "the refresh, and a revocation of the old and of the new"


def test_what_is_connected_while_the_old_grant_is_given_back_stays(world, bends):
    there = world(entry_facts={"revocation_url": "https://acme.example/revoke"})
    there.connect()
    there.transport.script = [bends.meanwhile(there.connect)]
    assert there.do(there.vault.disconnect("c")) is True
    assert there.token() == "canary-access-2-2"


# Keys of the vault


def keyring(there, *entries):
    there.secret = list(entries)
    return Keyring(Secret("env:RING", lambda: "\n".join(there.secret)))


K2 = "k2:" + "B" * 43 + "="


def test_a_new_key_takes_over_and_the_old_one_may_go(world):
    there = world()
    for number in range(3):
        there.connect(f"c{number}")
    rotating = there.another(keyring=keyring(there, K2, KEY))
    done = there.do(rotating.rotate_key())
    assert (done.primary, done.rewrapped, done.idle) == ("k2", 3, ("k1",))
    assert there.do(rotating.rotate_key()).rewrapped == 0
    alone = there.another(keyring=keyring(there, K2))
    there.do(alone.open())
    assert there.token("c1", vault=alone) == "canary-access-2-2"


def test_a_process_with_the_keyring_of_before_finds_the_new_key_by_itself(world):
    there = world()
    there.connect()
    ring = keyring(there, KEY)
    running = there.another(keyring=ring)
    there.secret[:] = [K2, KEY]
    there.do(there.another(keyring=keyring(there, K2, KEY)).rotate_key())
    assert there.token(vault=running) == "canary-access-1-1"


def test_a_key_that_is_still_needed_is_missed_at_the_start(world):
    there = world()
    there.connect()
    with pytest.raises(ConfigurationError, match="lacks the key k1"):
        there.do(there.another(keyring=keyring(there, K2)).open())


def test_another_key_under_a_known_id_is_refused_at_the_start(world):
    there = world()
    there.connect()
    with pytest.raises(ConfigurationError, match="another key under the id k1"):
        there.do(there.another(keyring=keyring(there, "k1:" + "B" * 43 + "=")).open())


# Moved, changed, seen


def execute(path, sql, *values):
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute(sql, values)
    connection.close()


SWAP = """
update hardpoint_credential
set (wrapped, sealed) = (select wrapped, sealed from hardpoint_credential where name = 'b')
where name = 'a'
"""
MOVED = [
    "update hardpoint_{} set tenant = 't2'",
    "update hardpoint_{} set slot = 'user'",
    "update hardpoint_{} set version = 7",
    "update hardpoint_{} set name = 'z' where name = 'a'",
]


@pytest.mark.parametrize(
    "tampering",
    [
        SWAP,
        *MOVED,
        "update hardpoint_credential set sealed = zeroblob(80)",
        "update hardpoint_credential set wrapped = x''",
    ],
)
def test_a_credential_that_was_moved_or_changed_is_never_opened(world, tampering):
    there = world()
    there.connect("a")
    there.connect("b")
    for table in ("credential", "connection"):
        execute(there.path, tampering.format(table))
        if "{}" not in tampering:
            break
    key = {"tenant": "t2"} if "t2" in tampering else {}
    key |= {"slot": "user"} if "user" in tampering else {}
    with pytest.raises(StoreCorruptError, match="cannot be opened"):
        there.token("z" if "'z'" in tampering else "a", **key)


def test_a_refreshable_row_without_a_refresh_token_is_damage(world):
    there = world()
    now = there.clock.now()
    tokens = Tokens(access=Secret.value("a"), issued_at=now, expires_at=now + 60)
    there.do(there.vault.put("c", tokens, client="acme"))
    execute(there.path, "update hardpoint_connection set refreshable = 1")
    there.clock.advance(61)
    with pytest.raises(StoreCorruptError, match="lost its refresh token"):
        there.token()


def test_a_connection_whose_credential_is_gone_has_to_be_connected_again(world):
    there = world()
    there.connect()
    known = there.vault._commits.look(SlotKey("default", "c"))
    execute(there.path, "delete from hardpoint_credential")
    with pytest.raises(ReauthorizationRequiredError):
        there.token()
    assert not there.do(there.vault.report_rejected("c", Secret.value("x")))
    refresher = there.vault._refresher
    assert refresher.renew(known.row) is None
    nobody = replace(known.row, name="none")
    assert refresher.renew(nobody) is None
    assert there.do(there.vault.disconnect("c")) is False
    assert there.status().state.value == "disconnected"


def test_a_spool_that_cannot_be_used_is_told(tmp_path):
    spool = Spool(tmp_path / "vault.db")
    spool.folder.write_text("in the way")
    empty = Spooled(row=None, credential=None)
    empty = replace(empty, row=SimpleNamespace(key=SlotKey("t", "c"), version=2))
    with pytest.raises(StoreUnavailableError, match="spool"):
        spool.write(empty)
    spool.folder.unlink()
    spool.folder.mkdir()
    spool._path(SlotKey("t", "c"), 2).write_bytes(b"{")
    with pytest.raises(StoreCorruptError, match="cannot be read"):
        spool.find(SlotKey("t", "c"), 2)
    with pytest.raises(StoreCorruptError, match="cannot be read"):
        spool.waiting()


def test_what_somebody_has_to_see_is_told_louder(world):
    there = world()
    there.connect()
    there.server.end()
    with pytest.raises(ReauthorizationRequiredError):
        there.do(there.vault.refresh("c"))
    changes = [one for one in there.events if isinstance(one, ConnectionChanged)]
    assert [one.severity for one in changes] == ["info", "warning"]


def test_no_token_is_in_any_file_any_log_or_any_words(world, bends, tmp_path):
    there, log = world(), io.StringIO()
    listening = there.vault.listeners.add(configure(log, json=True))
    there.connect()
    there.do(there.vault.put_key("k", Secret.value("canary-key")))
    there.near()
    there.token()
    there.connect("spooled")
    there.vault._file._busy = 0.0
    reader = sqlite3.connect(there.path, isolation_level=None)

    def blocked():
        reader.execute("begin")
        reader.execute("select * from hardpoint_connection").fetchall()

    there.transport.script = [bends.meanwhile(blocked)]
    there.do(there.vault.refresh("spooled", resend=True))
    reader.close()
    said = [repr(there.events), repr(there.do(there.vault.current("c")))]
    there.expire()
    quoting = b'{"error": "invalid_grant", "error_description": "canary-refresh-1-3 is used"}'
    for bend in (bends.unreachable, bends.answering(400, quoting)):
        there.transport.script = [bend]
        with pytest.raises(OAuthError) as caught:
            there.do(there.vault.refresh("c"))
        trace = traceback.TracebackException.from_exception(caught.value, capture_locals=True)
        ours = [frame for frame in trace.stack if "src/hardpoint" in frame.filename]
        said += [str(caught.value), *(str(frame.locals) for frame in ours)]
    listening()
    assert "token_spooled" in log.getvalue()
    assert not [text for text in (*said, log.getvalue()) if "canary" in text]
    files = [file for file in tmp_path.rglob("*") if file.is_file()]
    assert len(files) >= 3, "the vault, its journal and the spool"
    for file in files:
        assert b"canary" not in file.read_bytes()
        assert stat.S_IMODE(file.stat().st_mode) == 0o600


def test_keys_are_rotated_while_everything_is_used(world):
    there = world()
    for number in range(4):
        there.connect(f"c{number}")
    rings = [(K2, KEY), (KEY, K2)]

    def rotates():
        for turn in range(10):
            ring = Keyring(Secret.value("\n".join(rings[turn % 2])))
            there.do(there.another(keyring=ring).rotate_key())

    thread = threading.Thread(target=rotates)
    thread.start()
    using = there.another(keyring=Keyring(Secret.value(f"{KEY}\n{K2}")))
    for _ in range(3):
        there.expire()
        for number in range(4):
            assert there.token(f"c{number}", vault=using)
    thread.join()
    assert there.refreshes == 12
    assert all(there.server.alive(number) for number in range(1, 5))


def test_a_process_remembers_so_many_and_no_more(world, monkeypatch):
    monkeypatch.setattr(access, "KNOWN_MOST", 2)
    there = world()
    for name in ("a", "b", "c"):
        there.do(there.vault.put_key(name, Secret.value("canary-key")))
        there.token(name)
    assert len(there.vault._cache._known) == 2


# Its shells


def test_a_file_that_was_replaced_is_not_written_to(world):
    there = world()
    there.connect()
    there.path.rename(there.path.with_suffix(".old"))
    with pytest.raises(StoreUnavailableError, match="moved, deleted or replaced"):
        there.token()


def test_tasks_share_one_refresh_and_none_of_them_can_cut_it(world):
    there = world()
    there.connect()
    there.expire()

    async def story():
        async with Vault(
            there.path,
            Keyring(Secret.value(KEY)),
            {"acme": there.client},
            transport=there.transport,
            clock=there.clock,
        ) as vault:
            asking = [asyncio.create_task(vault.access_token("c")) for _ in range(50)]
            await asyncio.sleep(0)
            asking[0].cancel()
            got = await asyncio.gather(*asking, return_exceptions=True)
            assert isinstance(got[0], asyncio.CancelledError)
            assert {one.reveal() for one in got[1:]} == {"canary-access-1-2"}

    asyncio.run(story())
    assert there.refreshes == 1


def test_a_vault_closes_and_opens_again_with_a_transport_of_its_own(tmp_path):
    async def story():
        vault = Vault(tmp_path / "vault.db", Keyring(Secret.value(KEY)))
        for _ in range(2):
            async with vault:
                await vault.put_key("k", Secret.value("canary-key"))
                assert (await vault.access_token("k")).reveal() == "canary-key"
        await ThreadWork().close()

    asyncio.run(story())


def test_the_blocking_facade_has_the_same_verbs(world):
    there = world()
    there.connect()
    with BlockingVault(there.another()) as vault:
        assert vault.access_token("c").reveal() == "canary-access-1-1"
        assert vault.status("c").connection == "c"


def test_a_lease_that_could_end_too_early_is_refused():
    with pytest.raises(ConfigurationError, match="too short"):
        Timing(exchange=20, lease=25)
    assert ManualClock().now() > 0
