import os
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hardpoint.core.errors import StoreCorruptError
from hardpoint.core.secrets import Secret
from hardpoint.oauth.keyring import Keyring
from hardpoint.oauth.sealing import Envelope, Sealed, SlotPlace

K1 = "k1:" + "A" * 43 + "="
K2 = "k2:" + "B" * 43 + "="
HERE = SlotPlace("t1", "c1", "main", 3)


def envelope(*entries):
    return Envelope(Keyring(Secret.value("\n".join(entries or (K1,)))))


@given(st.binary(max_size=300))
def test_what_is_sealed_opens_where_it_was_sealed_for(plain):
    one = envelope()
    sealed = one.seal(plain, HERE)
    assert one.open(sealed, HERE) == plain
    assert len(sealed.sealed) == len(plain) + 28


@pytest.mark.parametrize(
    "there",
    [
        SlotPlace("t2", "c1", "main", 3),
        SlotPlace("t1", "c2", "main", 3),
        SlotPlace("t1", "c1", "user", 3),
        SlotPlace("t1", "c1", "main", 4),
        SlotPlace("t1c1", "", "main", 3),
    ],
)
def test_it_opens_nowhere_else(there):
    one = envelope()
    with pytest.raises(StoreCorruptError):
        one.open(one.seal(b"token", HERE), there)


def test_no_bit_of_it_can_be_changed():
    one = envelope()
    sealed = one.seal(b"token", HERE)
    for field in ("wrapped", "sealed"):
        content = getattr(sealed, field)
        for position in range(len(content) * 8):
            changed = bytearray(content)
            changed[position // 8] ^= 1 << position % 8
            parts = {"wrapped": sealed.wrapped, "sealed": sealed.sealed, field: bytes(changed)}
            with pytest.raises(StoreCorruptError):
                one.open(Sealed(key_id="k1", **parts), HERE)


@pytest.mark.parametrize("length", [0, 11, 12, 27])
def test_what_was_cut_short_is_not_opened(length):
    one = envelope()
    sealed = one.seal(b"token", HERE)
    for field in ("wrapped", "sealed"):
        parts = {"wrapped": sealed.wrapped, "sealed": sealed.sealed}
        parts[field] = parts[field][:length]
        with pytest.raises(StoreCorruptError):
            one.open(Sealed(key_id="k1", **parts), HERE)


def test_another_key_of_the_same_id_does_not_open_it():
    sealed = envelope().seal(b"token", HERE)
    with pytest.raises(StoreCorruptError, match="another key of the same id"):
        envelope("k1:" + "B" * 43 + "=").open(sealed, HERE)


def test_a_new_key_rewraps_the_data_key_and_nothing_else():
    sealed = envelope().seal(b"token", HERE)
    after = envelope(K2, K1).rewrapped(sealed, HERE)
    assert (after.key_id, after.sealed) == ("k2", sealed.sealed)
    assert envelope(K2).open(after, HERE) == b"token"


def test_what_cannot_be_opened_is_not_rewrapped():
    sealed = envelope().seal(b"token", HERE)
    with pytest.raises(StoreCorruptError):
        envelope(K2, K1).rewrapped(sealed, SlotPlace("t2", "c1", "main", 3))


def test_no_nonce_and_no_data_key_is_used_twice():
    drawn = Counter()

    def entropy(count):
        chance = os.urandom(count)
        drawn[chance] += 1
        return chance

    one = Envelope(Keyring(Secret.value(K1)), entropy)
    nonces = set()
    for _ in range(20_000):
        sealed = one.seal(b"", HERE)
        nonces.add(sealed.wrapped[:12])
        nonces.add(sealed.sealed[:12])
    assert len(nonces) == 40_000
    assert max(drawn.values()) == 1
