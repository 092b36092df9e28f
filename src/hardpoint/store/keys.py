"""What an event's identity rests on, and text as it is kept: the same on every engine."""

import hashlib
import re
from typing import Final

from hardpoint.store.driver import NewEvent

_UNSTORABLE: Final = re.compile("[\0\ud800-\udfff]")
_HASH_LENGTH: Final = 64


def storable(text: str) -> str:
    """Text that any engine can hold: NUL as its picture, a lone surrogate as U+FFFD.

    For what is shown and searched for. Identity rests on the text as it came, see `dedupe_key`.
    """
    if text.isascii() and "\0" not in text:
        return text
    return _UNSTORABLE.sub(lambda found: "␀" if found[0] == "\0" else "�", text)


def storable_or_none(text: str | None) -> str | None:
    """The same where there may be none."""
    return None if text is None else storable(text)


def replay_of(plan: str) -> str:
    """What a replay is called in the audit; by its plan's name each event is replayed once."""
    return f"replay {storable(plan)}" if plan else "replay"


def dedupe_key(event: NewEvent) -> str:
    """What an event's identity rests on within its source; see `key_of`."""
    return key_of(
        event.vendor_id,
        event.account,
        event.body_sha256,
        asserted=event.asserted,
        malformed=event.malformed is not None,
    )


def key_of(
    vendor_id: str | None,
    account: str | None,
    body_sha256: bytes,
    *,
    asserted: bool,
    malformed: bool,
) -> str:
    """The key of a delivery.

    The vendor's id with its length before and its account behind, so that no two pairs of id and
    account make the same key; the body's hash where there is no id. Asserted ids are kept apart
    from covered ones, and bodies that could not be read from those that could: neither can take
    the other's place.
    """
    if malformed:
        return f"m:{body_sha256.hex()}"
    if vendor_id is None:
        return f"b:{body_sha256.hex()}"
    prefix = key_prefix(vendor_id, asserted=asserted)
    return prefix if account is None else f"{prefix}@{account}"


def key_prefix(vendor_id: str, *, asserted: bool) -> str:
    """The part of the key that one vendor id has under every account."""
    return f"{'a' if asserted else 'i'}{len(vendor_id)}:{vendor_id}"


def repeat_key(event: NewEvent) -> str:
    """The key of a quarantined repeat: only its own repeats share it."""
    identity = (event.vendor_id, event.type, event.account, event.body_sha256.hex())
    return "q:" + _digest(*(repr(part) for part in identity)).hex()


def dedupe_hash(source: str, key: str) -> bytes:
    """Stands for a key within its source: of one length, whatever characters the key holds."""
    return _digest(source, key)


def kept_key(key: str) -> str:
    """A key as text that any engine can hold; another key never becomes the same text."""
    kept = storable(key)
    # One that ends as if it had been changed is told apart from those that were.
    if kept == key and key[-_HASH_LENGTH - 1 : -_HASH_LENGTH] != "#":
        return key
    return f"{kept}#{_digest(key).hex()}"


def routing_hash(source: str, key: str, body_sha256: bytes, *, asserted: bool) -> bytes:
    """Decides which of several stores an event belongs to: all that may be the same go to one.

    A captured body may come again under any id, where the signature does not cover the id.
    """
    return body_sha256 if asserted else dedupe_hash(source, key)


def _digest(*parts: str) -> bytes:
    return hashlib.sha256("\0".join(parts).encode("utf-8", "surrogatepass")).digest()
