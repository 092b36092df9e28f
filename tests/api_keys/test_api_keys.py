"""Keys made, checked, rotated and taken back, by several processes on one store."""

import asyncio
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from hardpoint.api_keys import (
    ApiKeyChanged,
    CallerRefused,
    InsufficientScopeError,
    KeyUseUnwritten,
    UnauthenticatedError,
)
from hardpoint.api_keys.known import UNKNOWN_LOOKS
from hardpoint.api_keys.writing import new_key, prefix_of
from hardpoint.core.errors import (
    InvalidRequestError,
    LimitExceededError,
    NotFoundError,
    StoreUnavailableError,
)
from hardpoint.core.secrets import Secret
from hardpoint.resilience.ratelimit import RateLimit
from hardpoint.runtime.blocking import run
from hardpoint.runtime.work import ThreadWork

DAY = 86_400.0


def made(keys, name="importer", **facts):
    done = run(keys.create(name, **facts))
    return done.secret.reveal(), done.key


def refusal(keys, text, **asked):
    with pytest.raises(UnauthenticatedError) as caught:
        run(keys.verify(text, **asked))
    assert str(caught.value) == str(UnauthenticatedError())
    return caught.value.reason


def forged(text):
    """One with the same beginning, a good checksum, and another secret."""
    seed = iter(range(2))
    other, _ = new_key("hpk", lambda size: bytes([next(seed)]) * size)
    brand, place, _ = text.split("_")
    body = f"{brand}_{place}_{other.split('_')[2][:43]}"
    from hardpoint.api_keys.writing import _check

    return body + _check(body)


def test_a_key_says_who_holds_it(keys, clock):
    text, key = made(keys, scopes=["orders:write", "orders:read"], tenant="acme")
    caller = run(keys.verify(Secret.value(text), scopes=["orders:read"], tenant="acme"))
    assert (caller.by, caller.id, caller.name, caller.tenant) == (
        *("api_key", key.id),
        *("importer", "acme"),
    )
    assert caller.scopes == {"orders:read", "orders:write"}
    assert (key.created_at, key.expires_at) == (clock.now(), None)
    assert text.startswith(key.prefix)


def test_its_secret_is_kept_nowhere(keys, told, tmp_path):
    text, key = made(keys)
    secret = text.removeprefix(key.prefix)
    assert secret not in f"{run(keys.list())}{told}{run(keys.verify(text))}"
    assert all(secret.encode() not in file.read_bytes() for file in tmp_path.iterdir())


def test_a_typo_is_refused_before_anybody_looks(keys):
    text, _ = made(keys)
    run(keys.verify(text))
    looks = keys.counted.looks
    for typo in (text[:-1], text[1:], text.swapcase(), "", "Bearer", f"{text} "):
        assert refusal(keys, typo) == "malformed"
    assert keys.counted.looks == looks


def test_one_answer_for_all_that_is_not_taken(keys, clock):
    mine, _ = made(keys)
    brief, _ = made(keys, expires_in=10.0)
    gone, key = made(keys)
    run(keys.revoke(key.id))
    clock.advance(10.0)
    assert refusal(keys, forged(mine)) == "unknown"
    assert refusal(keys, new_key("hpk", lambda size: b"n" * size)[0]) == "unknown"
    assert refusal(keys, brief) == "expired"
    assert refusal(keys, gone) == "revoked"
    assert refusal(keys, mine, tenant="acme") == "tenant"
    assert run(keys.verify(mine, tenant="default")).tenant == "default"


def test_a_scope_that_is_missing_is_named(keys, told):
    text, key = made(keys, scopes=["a"])
    with pytest.raises(InsufficientScopeError) as caught:
        run(keys.verify(text, scopes=["a", "b"]))
    assert caught.value.scopes == ("a", "b")
    assert told[-1] == CallerRefused(reason="scope", prefix=key.prefix)


def test_a_revocation_is_seen_everywhere_within_five_seconds(keys, process, clock):
    others = [process() for _ in range(3)]
    text, key = made(keys)
    for wait, one in zip((0.0, 1.5, 3.9), others, strict=True):
        clock.advance(wait)
        run(one.verify(text))
    assert run(keys.revoke(key.prefix)).revoked_at == clock.now()
    assert refusal(keys, text) == "revoked"
    clock.advance(5.0)
    for one in others:
        assert refusal(one, text) == "revoked"


def test_a_key_that_others_have_just_made_is_taken_at_once_unless_it_was_asked_for(
    keys, process, clock
):
    other = process()
    text, _ = made(keys)
    assert run(other.verify(text)).id
    assert run(keys.list()) == run(other.list())


def test_a_key_in_use_costs_a_look_every_four_seconds(keys, clock):
    text, _ = made(keys)
    run(keys.verify(text))
    looks = keys.counted.looks
    for _ in range(30):
        run(keys.verify(text))
        clock.advance(0.5)
    assert keys.counted.looks - looks == 3


def test_a_beginning_that_no_key_has_is_remembered_too(keys, clock):
    nobody, _ = new_key("hpk", lambda size: b"n" * size)
    for _ in range(9):
        assert refusal(keys, nobody) == "unknown"
    assert keys.counted.looks == 1
    clock.advance(4.0)
    refusal(keys, nobody)
    assert keys.counted.looks == 2


def test_who_guesses_is_held_up_and_who_has_called_before_is_not(keys, clock, told):
    text, _ = made(keys)
    run(keys.verify(text))
    numbers = iter(range(1_000_000))

    def guess():
        return refusal(keys, new_key("hpk", lambda size: next(numbers).to_bytes(size, "big"))[0])

    for _ in range(int(UNKNOWN_LOOKS.calls) - 1):
        assert guess() == "unknown"
    with pytest.raises(LimitExceededError):
        guess()
    assert told[-1] == CallerRefused(reason="limit", prefix=None)
    clock.advance(4.0)
    for _ in range(int(UNKNOWN_LOOKS.calls)):
        guess()
    assert run(keys.verify(text))


def test_what_is_remembered_is_bounded(keys, monkeypatch):
    monkeypatch.setattr("hardpoint.api_keys.known.KEYS_MOST", 2)
    texts = [made(keys)[0] for _ in range(3)]
    for text in (*texts, texts[0]):
        run(keys.verify(text))
    assert keys.counted.looks == 4


def test_one_key_may_call_so_much_in_each_process(process, clock):
    keys = process(limit=RateLimit(1, burst=2, queue=0))
    text, _ = made(keys)
    other, _ = made(keys)
    run(keys.verify(text))
    run(keys.verify(text))
    with pytest.raises(LimitExceededError) as caught:
        run(keys.verify(text))
    assert caught.value.retry_after == pytest.approx(1.0)
    assert run(keys.verify(other))
    assert run(process(limit=RateLimit(1, burst=2, queue=0)).verify(text))
    clock.advance(1.0)
    assert run(keys.verify(text))


def test_a_forged_key_uses_up_nobodys_limit(process):
    keys = process(limit=RateLimit(1, queue=0))
    text, _ = made(keys)
    for _ in range(5):
        refusal(keys, forged(text))
    assert run(keys.verify(text))


def test_a_rotated_key_is_taken_for_a_while_beside_its_successor(keys, clock):
    text, key = made(keys, scopes=["a"], tenant="acme", expires_in=10 * DAY)
    clock.advance(DAY)
    new = run(keys.rotate(key.id, grace=60.0))
    fresh = new.secret.reveal()
    assert (new.key.name, new.key.scopes, new.key.tenant) == ("importer", ("a",), "acme")
    assert new.key.expires_at == clock.now() + 10 * DAY
    assert run(keys.verify(text)).id != run(keys.verify(fresh)).id
    clock.advance(60.0)
    assert refusal(keys, text) == "expired"
    assert run(keys.verify(fresh))
    with pytest.raises(InvalidRequestError, match="create another"):
        run(keys.rotate(key.id))


def test_a_rotation_makes_no_key_last_longer(keys, clock):
    _, key = made(keys, expires_in=10.0)
    run(keys.rotate(key.prefix))
    [old] = [one for one in run(keys.list()) if one.id == key.id]
    assert old.expires_at == key.expires_at
    _, lasting = made(keys)
    assert run(keys.rotate(lasting.id, grace=0.0)).key.expires_at is None
    [old] = [one for one in run(keys.list()) if one.id == lasting.id]
    assert (old.expires_at, old.usable(clock.now())) == (clock.now(), False)


def test_a_revoked_key_stays_revoked_since_then(keys, clock):
    _, key = made(keys)
    since = run(keys.revoke(key.id)).revoked_at
    clock.advance(9.0)
    assert run(keys.revoke(key.id)).revoked_at == since
    with pytest.raises(InvalidRequestError):
        run(keys.rotate(key.id))


@pytest.mark.parametrize("verb", ["revoke", "rotate"])
def test_a_key_that_is_not_there(keys, verb):
    with pytest.raises(NotFoundError, match="no such API key"):
        run(getattr(keys, verb)("hpk_nobody"))


def test_keys_are_listed_by_tenant(keys):
    first, second = made(keys, tenant="a")[1], made(keys, tenant="b")[1]
    assert run(keys.list()) == (first, second)
    assert run(keys.list(tenant="b")) == (second,)


def test_uses_are_written_to_the_minute_and_together(keys, clock, process):
    texts = [made(keys)[0] for _ in range(3)]
    writes = keys.counted.writes
    for _ in range(100):
        for text in texts:
            run(keys.verify(text))
        clock.advance(0.5)
    assert keys.counted.writes - writes == 1  # the first use; the others wait for the minute's end
    clock.advance(20.0)
    minute = clock.now() // 60 * 60
    run(keys.verify(texts[0]))
    assert keys.counted.writes - writes == 2
    assert {one.last_used_at for one in run(process().list())} <= {minute, minute - 60}
    assert all(one.last_used_at for one in run(process().list()))


def test_the_last_uses_are_written_at_the_end(keys, clock, process):
    first, second = made(keys), made(keys)
    run(keys.verify(first[0]))
    run(keys.verify(second[0]))
    run(keys.close())
    assert all(one.last_used_at for one in run(process().list()))
    assert run(keys.verify(first[0]))


def test_a_use_that_cannot_be_written_harms_no_caller_and_is_written_later(
    keys, clock, told, process
):
    text, _ = made(keys)
    keys.counted.trouble = StoreUnavailableError("no room on the disk")
    assert run(keys.verify(text))
    assert told[-1] == KeyUseUnwritten(error="no room on the disk")
    keys.counted.trouble = None
    clock.advance(60.0)
    assert run(keys.verify(text))
    assert run(process().list())[0].last_used_at


def test_changes_are_told(keys, told):
    _, key = made(keys, tenant="t")
    new = run(keys.rotate(key.id)).key
    run(keys.revoke(key.id))
    assert told == [
        ApiKeyChanged(change="created", prefix=key.prefix, tenant="t"),
        ApiKeyChanged(change="rotated", prefix=new.prefix, tenant="t"),
        ApiKeyChanged(change="revoked", prefix=key.prefix, tenant="t"),
    ]


@pytest.mark.parametrize(
    "facts",
    [
        {"name": ""},
        {"name": " "},
        {"name": "a\nb"},
        {"name": "n" * 129},
        {"scopes": ["a b"]},
        {"scopes": [""]},
        {"scopes": "orders"},
        {"scopes": [f"s{number}" for number in range(51)]},
        {"tenant": ""},
        {"tenant": "a/b"},
        {"expires_in": 0.0},
        {"expires_in": float("inf")},
    ],
)
def test_what_cannot_be_is_refused(keys, facts):
    with pytest.raises(InvalidRequestError) as caught:
        made(keys, **facts)
    assert caught.value.field in facts
    assert keys.counted.writes == 0


def test_a_senseless_tenant_or_grace_is_refused(keys):
    with pytest.raises(InvalidRequestError):
        run(keys.list(tenant=""))
    with pytest.raises(InvalidRequestError):
        run(keys.rotate("x", grace=-1.0))


def test_who_is_named_by_the_whole_key_is_found_by_its_beginning(keys):
    text, key = made(keys)
    assert prefix_of(text, "hpk") == key.prefix


def test_a_good_key_is_found_by_a_process_that_hears_many_guesses(process):
    text, _ = made(process())
    fresh, numbers = process(), iter(range(1_000_000))
    for _ in range(150):
        guess = new_key("hpk", lambda size: next(numbers).to_bytes(size, "big"))[0]
        assert refusal(fresh, guess) == "unknown"
    assert run(fresh.verify(text))


def test_what_is_remembered_is_shared_by_threads(keys, monkeypatch):
    monkeypatch.setattr("hardpoint.api_keys.known.UNKNOWN_MOST", 1)
    monkeypatch.setattr("hardpoint.api_keys.known._shrink", _slowly_shrunk)
    texts = [
        [new_key("hpk", lambda size, seed=seed: seed.to_bytes(size, "big"))[0] for seed in seeds]
        for seeds in (range(1, 60), range(100, 160))
    ]
    with ThreadPoolExecutor(2) as threads:
        looked = list(threads.map(lambda many: {refusal(keys, one) for one in many}, texts))
    assert looked == [{"unknown"}, {"unknown"}]


def _slowly_shrunk(entries, most):
    """As slow as an interpreter that switches threads at each step."""
    while len(entries) > most:
        oldest = iter(entries)
        time.sleep(0.0005)
        entries.pop(next(oldest), None)


def test_a_key_that_is_being_read_while_it_is_revoked_is_not_taken_afterwards(process, clock):
    keys = process(work=ThreadWork())
    reads, go_on = threading.Event(), threading.Event()
    find = keys._records.find

    def slowly(prefix):
        row = find(prefix)
        reads.set()
        go_on.wait(20)
        return row

    async def scenario():
        made = await keys.create("importer")
        keys._records.find = slowly
        text = made.secret.reveal()
        looking = asyncio.create_task(keys.verify(text))
        await asyncio.to_thread(reads.wait, 20)
        await keys.revoke(made.key.id)
        keys._records.find = find
        with pytest.raises(UnauthenticatedError):  # nor by who joins the look that is under way
            await keys.verify(text)
        go_on.set()
        await looking
        with pytest.raises(UnauthenticatedError):
            await keys.verify(text)
        await keys.close()

    asyncio.run(scenario())


def test_text_that_is_no_unicode_is_no_key(keys):
    assert refusal(keys, "\ud800") == "malformed"
