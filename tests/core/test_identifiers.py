import threading
from itertools import pairwise
from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st

from hardpoint.core.effects import Ids
from hardpoint.core.identifiers import (
    Uuid7,
    routed,
    slot_of,
    slot_of_hash,
)

ALL_ONES = (1 << 80) - 1


def milliseconds_of(identifier: str) -> int:
    return UUID(identifier).int >> 80


def constant(value: int):
    return lambda size: value.to_bytes(size, "big")


def test_an_id_is_a_uuid_of_version_7_and_says_when_it_was_made() -> None:
    made = Uuid7(now=lambda: 1_700_000_000.123)()
    parsed = UUID(made)
    assert str(parsed) == made
    assert parsed.version == 7
    assert parsed.variant == "specified in RFC 4122"
    assert milliseconds_of(made) == 1_700_000_000_123


def test_ids_made_by_the_real_clock_rise() -> None:
    make: Ids = Uuid7()
    made = [make() for _ in range(10_000)]
    assert all(earlier < later for earlier, later in pairwise(made))


@given(
    times=st.lists(st.floats(0, 5e9), min_size=2, max_size=50),
    random=st.binary(min_size=10, max_size=10),
)
def test_ids_rise_strictly_whatever_the_clock_and_the_chance_do(
    times: list[float], random: bytes
) -> None:
    ticking = iter(times)
    make = Uuid7(now=lambda: next(ticking), entropy=lambda _: random)
    made = [make() for _ in times]
    assert all(earlier < later for earlier, later in pairwise(made))
    assert all(UUID(one).version == 7 for one in made)


def test_ids_rise_strictly_through_an_overflow_within_one_millisecond() -> None:
    make = Uuid7(now=lambda: 1.0, entropy=constant(ALL_ONES))
    made = [make() for _ in range(5000)]
    assert all(earlier < later for earlier, later in pairwise(made))
    assert milliseconds_of(made[0]) == 1000
    assert milliseconds_of(made[-1]) > 1000, "time was carried forward"


def test_a_clock_that_steps_back_is_not_followed() -> None:
    now = [2.0]
    make = Uuid7(now=lambda: now[0])
    before = make()
    now[0] = 1.0
    after = make()
    assert after > before
    assert milliseconds_of(after) == 2000


def test_threads_never_get_the_same_id_and_each_sees_its_own_rise() -> None:
    make = Uuid7()
    made: list[list[str]] = [[] for _ in range(8)]
    start = threading.Barrier(len(made))

    def work(mine: list[str]) -> None:
        start.wait()
        mine.extend(make() for _ in range(2000))

    threads = [threading.Thread(target=work, args=(mine,)) for mine in made]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len({one for mine in made for one in mine}) == 8 * 2000
    assert all(earlier < later for mine in made for earlier, later in pairwise(mine))


def test_a_forked_child_draws_chance_of_its_own(forked) -> None:
    make = Uuid7(now=lambda: 1.0)
    make()
    assert forked(make)[19:] != make()[19:]


@given(digest=st.binary(min_size=32, max_size=32))
def test_an_id_says_where_it_was_routed_to_and_is_a_uuid_still(digest: bytes) -> None:
    plain = Uuid7()()
    made = routed(plain, digest)
    assert slot_of(made) == slot_of_hash(digest) == int.from_bytes(digest[:2], "big") >> 4
    assert (UUID(made).version, UUID(made).variant) == (7, UUID(plain).variant)
    assert (made[:19], made[23:]) == (plain[:19], plain[23:])
    assert int(made[22], 16) & 3 == int(plain[22], 16) & 3
