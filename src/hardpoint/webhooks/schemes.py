"""Schemes as declarations: a header grammar, what is signed, what a key is, what a body tells.

    class AcmeWebhooks(HmacScheme):
        grammar = OneSignature("X-Acme-Signature", in_hex(32), time="X-Acme-Time")
        around_time = (b"v0:", b":")  # signed are v0:, the time, a colon and the body

        def events(self, request, found):
            event = open_envelope(_event, request.body)
            return (named(event.id, event.type),)

        def key(self, text):
            return HmacKey(text.encode())

Grammar and signature come first, in bounded work on bytes; `events` sees trusted bodies alone.
"""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from hardpoint.core.errors import SignatureMismatchError
from hardpoint.core.secrets import Secret
from hardpoint.webhooks.envelopes import Unreadable
from hardpoint.webhooks.event_facts import EventFacts
from hardpoint.webhooks.grammar import Grammar
from hardpoint.webhooks.handshakes import Handshake
from hardpoint.webhooks.signatures import (
    HMAC_US,
    TOLERANCE,
    HmacKey,
    Unfit,
    check_age,
    check_tolerance,
    matching_key,
    prepare,
    timestamp,
)
from hardpoint.webhooks.verification import (
    BODY_BYTES_MAX,
    Coverage,
    Notification,
    Replay,
    Reply,
    Verified,
    WebhookRequest,
)

CONTENT_HEADERS = frozenset({b"content-type", b"user-agent"})
"""What may be stored of every vendor's request."""


class SignatureScheme(ABC):
    """What schemes share: `verify` is `authenticate`, then `events`; see `Scheme`."""

    covers: Coverage = Coverage.FULL_BODY
    replay: Replay = Replay.NONE
    signature_headers: frozenset[bytes]
    stored_headers: frozenset[bytes] = CONTENT_HEADERS
    body_bytes_max: int = BODY_BYTES_MAX
    refusal_us: float

    def verify(self, request: WebhookRequest, *, now: float) -> Verified:
        """Check the signature, and its time where one is signed; then read id and type."""
        key, signed_at, found = self.authenticate(request, now=now)
        try:
            events = self.events(request, found)
        except Unreadable as problem:
            return Verified(malformed=str(problem), key=key, signed_at=signed_at)
        return Verified(events=events, key=key, signed_at=signed_at)

    @abstractmethod
    def authenticate(self, request: WebhookRequest, *, now: float) -> tuple[int, int | None, Any]:
        """Check the signature alone: the secret's number, the signed time, what else was found."""

    @abstractmethod
    def events(self, request: WebhookRequest, found: Any) -> tuple[Notification, ...]:
        """What a trusted request tells.

        Args:
            request: its signature holds.
            found: by `authenticate`: here the headers that its grammar read.

        Raises:
            Unreadable: the body is not what the vendor sends; it is quarantined.
        """


class OneEventScheme(SignatureScheme):
    """A scheme of no vendor: where id and type of its events stand is configured.

    Attributes:
        facts: reads them.
        handshake: what its vendor asks at first, where that is configured.
    """

    facts: EventFacts
    handshake: Handshake | None = None

    def verify(self, request: WebhookRequest, *, now: float) -> Verified:
        """See `SignatureScheme`; handshakes and empty lists are answered, and not stored."""
        handshake = self.handshake
        if handshake is not None:
            reply = handshake.early(request, self.signature_headers)
            if reply is not None:
                return Verified(reply=reply)
        verified = super().verify(request, now=now)
        reply = None
        if handshake is not None:
            reply = handshake.late(request, lambda said: self.proof(verified.key, said))
        if reply is None and not verified.events and verified.malformed is None:
            reply = Reply()  # the list of events is empty: a sign of life
        if reply is None:
            return verified
        return Verified(reply=reply, key=verified.key, signed_at=verified.signed_at)

    def proof(self, key: int, said: bytes) -> bytes:
        """The HMAC of what a handshake says, by one of the keys; only of schemes that have any."""
        raise NotImplementedError

    def events(self, request: WebhookRequest, found: Any) -> tuple[Notification, ...]:
        """What the settings make of it: one event, or those of a list."""
        return self.facts.all_of(request)

    def clockwork(self, now: float) -> Mapping[tuple[str, ...], Any]:
        """What a body has to hold for its time, by the steps that lead there."""
        del now
        return {}


class BodyScheme(SignatureScheme):
    """Signs the body, with the time before it where the grammar has one; see `HmacScheme`."""

    grammar: Grammar
    around_time: ClassVar[tuple[bytes, bytes]] = (b"", b".")
    """What is signed before the time and after it."""

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        if "grammar" in cls.__dict__ and "signature_headers" not in cls.__dict__:
            cls.signature_headers = cls.grammar.signature_headers

    _forged: bytes

    def sign(
        self, body: bytes, *, now: float, event_id: str, event_type: str
    ) -> Sequence[tuple[str, str]]:
        """The headers of the signature; every live key that can sign does.

        Raises:
            ConfigurationError: there are public keys only.
        """
        time = b"%d" % int(now)
        before, after = self.around_time
        prefix = before + time + after if self.grammar.has_timestamp else b""
        return self.grammar.write(self._signatures(prefix, body), time)

    def decoy(self, *, now: float) -> Sequence[tuple[bytes, bytes]]:
        """A signature of the right form that no key made."""
        written = self.grammar.write([self._forged], b"%d" % now)
        return [(name.lower().encode(), value.encode()) for name, value in written]

    @abstractmethod
    def _signatures(self, prefix: bytes, body: bytes) -> list[bytes]:
        """One of each key that can sign, spelled."""


class HmacScheme(BodyScheme):
    """A scheme of secrets that both sides hold.

    Args:
        secrets: those that are live, newest first.
        tolerance: seconds a signed time may differ from now, in both directions.

    Raises:
        ConfigurationError: a secret of the wrong shape, or a tolerance out of range.
    """

    def __init__(self, *, secrets: Sequence[Secret], tolerance: float = TOLERANCE) -> None:
        self._keys = prepare(secrets, self.key)
        self._tolerance = check_tolerance(tolerance)
        self.replay = Replay.WINDOW if self.grammar.has_timestamp else Replay.NONE
        self._spell = self.grammar.encoding.spell
        self._forged = self._spell(bytes(len(self._keys[0][1].digest(b"", b""))))
        self.refusal_us = HMAC_US * len(self._keys)

    @abstractmethod
    def key(self, text: str) -> HmacKey | Unfit:
        """A key from a secret's text, or why it cannot be one."""

    def authenticate(self, request: WebhookRequest, *, now: float) -> tuple[int, int | None, Any]:
        """See `SignatureScheme`; compares in constant time, and looks at the age last."""
        candidates, time, headers = self.grammar.read(request)
        signed_at = None if time is None else self.moment(time)
        prefix, suffix = self.around(time, request)
        key = matching_key(self._keys, prefix, request.body, candidates, self._spell, suffix=suffix)
        if key is None:
            raise SignatureMismatchError
        if signed_at is not None:
            check_age(signed_at, now, self._tolerance)
        return key, signed_at, headers

    def moment(self, time: bytes) -> int:
        """The signed time in Unix seconds; see `timestamp`."""
        return timestamp(time)

    def around(self, time: bytes | None, request: WebhookRequest) -> tuple[bytes, bytes]:
        """What is signed before the body and after it.

        Args:
            time: as the grammar read it, if it has one.
            request: as it arrived.

        Raises:
            MalformedRequestError: the request lacks a part of it.
        """
        del request  # a vendor's signs its time and body alone
        if time is None:
            return b"", b""
        before, after = self.around_time
        return before + time + after, b""

    def _signatures(self, prefix: bytes, body: bytes) -> list[bytes]:
        return [self._spell(key.digest(prefix, body)) for _, key in self._keys]
