"""A source that signs with HMAC, described by configuration alone: `provider = "hmac"`.

    [webhooks.shop]
    provider = "hmac"
    secrets = ["env:SHOP_SECRET"]
    header = "X-Shop-Signature"          # X-Shop-Signature: t=1700000000,v1=<hex>
    signature_field = "v1"
    timestamp = "field:t"
    signed = "{timestamp}.{body}"
    id_from = "/id"

The settings choose a grammar, an encoding and a template; the rest is `HmacScheme`'s.
"""

import re
from binascii import Error as EncodingError
from binascii import a2b_base64, a2b_hex
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final, cast, final

from hardpoint.core.errors import ConfigurationError, MalformedRequestError
from hardpoint.core.secrets import Secret
from hardpoint.webhooks.event_facts import DEFAULT_TYPE, HEADER_NAME, EventFacts, FactFrom
from hardpoint.webhooks.grammar import (
    Encoding,
    Grammar,
    OneSignature,
    Pairs,
    SeveralSignatures,
    in_base64,
    in_base64url,
    in_hex,
)
from hardpoint.webhooks.handshakes import Handshake
from hardpoint.webhooks.schemes import CONTENT_HEADERS, HmacScheme, OneEventScheme
from hardpoint.webhooks.signatures import (
    TOLERANCE,
    HmacKey,
    Unfit,
    check_age,
)
from hardpoint.webhooks.signatures import (
    timestamp as unix_seconds,
)
from hardpoint.webhooks.templates import BODY, SignedTemplate
from hardpoint.webhooks.verification import Replay, Verified, WebhookRequest

SIZES: Final[Mapping[str, int]] = {"sha1": 20, "sha256": 32, "sha512": 64}
"""The algorithms, and how many bytes each makes. SHA-1's collisions do not touch it (RFC 6194)."""
ENCODINGS: Final[Mapping[str, Callable[[int], Encoding]]] = {
    "hex": in_hex,
    "base64": in_base64,
    "base64url": in_base64url,
}
FORMATS: Final = ("seconds", "milliseconds", "rfc3339")
SECRET_ENCODINGS: Final = ("text", "hex", "base64")
HEADERS_MAX = 4

_MARK: Final = re.compile(r"[!-~]{0,32}", re.ASCII)
_SEPARATOR: Final = re.compile(r"[,;& |]{1,2}")
_FIELD: Final = re.compile(r"[A-Za-z0-9_]{1,32}", re.ASCII)
_MILLISECONDS: Final = re.compile(rb"[1-9]\d{3,14}")
_SECONDS: Final = re.compile(rb"[1-9]\d*")
_RFC3339: Final = re.compile(
    rb"\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d(\.\d{1,9})?([Zz]|[+-]\d\d:\d\d)", re.ASCII
)
_SAMPLE: Final = "sample"
"""What `sign` puts into a signed header that is neither id nor type."""


@final
class HmacWebhooks(HmacScheme, OneEventScheme):
    """Verifies and signs what the settings of a source describe.

    Args:
        secrets: every secret that is live, newest first.
        header: where the signature stands; or several headers, one for each live key.
        algorithm: `sha1`, `sha256` or `sha512`.
        encoding: of the signature: `hex` (small letters), `base64`, or `base64url` without filling.
        prefix: what stands before it, `sha256=`.
        separator: between several signatures in one header.
        signature_field: the name of a signature in a header of pairs, `v1` in `t=...,v1=...`.
        signed: a template of what is signed; see `SignedTemplate`.
        timestamp: where the signed time stands: `header:NAME`, `field:NAME` of a header of pairs,
            or a pointer into the body.
        timestamp_format: `seconds`, `milliseconds` (both since 1970) or `rfc3339`.
        tolerance: seconds it may differ from now, in both directions.
        url: the source's public address, where the template has it.
        secret_encoding: what the secret's text is: the key itself, or `hex` or `base64` of it.
        id_from: where the event's id stands: a pointer, or `header:NAME`. A header that the
            template has not is only asserted. Without an id, dedupe rests on the bytes.
        type_from: where its type stands, likewise.
        items: a pointer to the list of events, where a request tells of several: id and type then
            stand in each. Empty where the body is that list.
        handshake: what the vendor asks at first; see `Handshake`.

    Raises:
        ConfigurationError: a setting out of range, or two that do not go together.
    """

    signature_headers = frozenset[bytes]()

    def __init__(
        self,
        *,
        secrets: Sequence[Secret],
        header: str | Sequence[str],
        algorithm: str = "sha256",
        encoding: str = "hex",
        prefix: str = "",
        separator: str | None = None,
        signature_field: str | None = None,
        signed: str = BODY,
        timestamp: str | None = None,
        timestamp_format: str = "seconds",
        tolerance: float | None = None,
        url: str | None = None,
        secret_encoding: str = "text",  # noqa: S107 - how one is written
        id_from: str | None = None,
        type_from: str = DEFAULT_TYPE,
        items: str | None = None,
        handshake: object = None,
    ) -> None:
        self._algorithm = _one_of("algorithm", algorithm, SIZES)
        self._decode = _one_of("secret_encoding", secret_encoding, SECRET_ENCODINGS)
        self._format = _one_of("timestamp_format", timestamp_format, FORMATS)
        spelled = ENCODINGS[_one_of("encoding", encoding, ENCODINGS)](SIZES[algorithm])
        self._template = SignedTemplate(signed, url=url)
        time = _Time(timestamp, self._template)
        if tolerance is not None and timestamp is None:
            raise ConfigurationError("tolerance", "has no time to be about", fix="Add timestamp")
        self.grammar = _grammar(
            header,
            spelled,
            prefix=prefix,
            separator=separator,
            signature_field=signature_field,
            time=time,
        )
        self._in_body = time.in_body
        signed_headers = self._template.headers
        self.facts = EventFacts(
            id_from, type_from, items=items, signed=signed_headers, body_signed=True
        )
        if handshake is not None:
            self.handshake = Handshake(handshake, signs=True)
        super().__init__(secrets=secrets, tolerance=TOLERANCE if tolerance is None else tolerance)
        self.replay = Replay.NONE if timestamp is None else Replay.WINDOW
        self.signature_headers = self.grammar.signature_headers
        named = self._template.headers | self.facts.headers
        self._named = named
        self.stored_headers = (CONTENT_HEADERS | named) - self.signature_headers

    def key(self, text: str) -> HmacKey | Unfit:
        """The key that a secret's text stands for."""
        if text != text.strip():
            return Unfit("has blanks around it", "Remove them, or the newline at the file's end")
        try:
            if self._decode == "hex":
                return HmacKey(a2b_hex(text), self._algorithm)
            if self._decode == "base64":
                filled = text + "=" * (-len(text) % 4)
                return HmacKey(a2b_base64(filled, strict_mode=True), self._algorithm)
            return HmacKey(text.encode(errors="surrogateescape"), self._algorithm)
        except (EncodingError, ValueError):
            return Unfit(f"is not {self._decode}", 'Is secret_encoding = "text" meant?')

    def moment(self, time: bytes) -> int:
        """See `HmacScheme`, in the format that is configured."""
        return moment_of(time, self._format)

    def around(self, time: bytes | None, request: WebhookRequest) -> tuple[bytes, bytes]:
        """See `HmacScheme`, by the template."""
        headers = request.once(self._template.headers) if self._template.headers else {}
        return self._template.around(time, headers)

    def verify(self, request: WebhookRequest, *, now: float) -> Verified:
        """See `SignatureScheme`; a time within the body is looked at when its signature holds."""
        verified = super().verify(request, now=now)
        if self._in_body is None or verified.reply is not None:
            return verified
        text = self._in_body.of(request)
        if not text:
            raise MalformedRequestError("the signed body has no time where the settings say")
        signed_at = self.moment(text.encode())
        check_age(signed_at, now, self._tolerance)
        return Verified(
            events=verified.events,
            malformed=verified.malformed,
            key=verified.key,
            signed_at=signed_at,
        )

    def proof(self, key: int, said: bytes) -> bytes:
        """See `OneEventScheme`; spelled as the signature is."""
        return self._spell(self._keys[key][1].digest(b"", said))

    def clockwork(self, now: float) -> Mapping[tuple[str, ...], Any]:
        """See `OneEventScheme`."""
        if self._in_body is None:
            return {}
        text = spelled_moment(now, self._format).decode()
        return {self._in_body.steps: text if self._format == "rfc3339" else int(text)}

    def sign(
        self, body: bytes, *, now: float, event_id: str, event_type: str
    ) -> Sequence[tuple[str, str]]:
        """The headers of the signature, and those that id, type and template name.

        Raises:
            ValueError: an id that would not verify.
        """
        time = spelled_moment(now, self._format)
        named = self._named_headers(event_id, event_type)
        values = {name.lower().encode(): value.encode() for name, value in named}
        try:
            prefix, suffix = self._template.around(time, values)
        except MalformedRequestError as error:
            raise ValueError(str(error)) from None
        signatures = [self._spell(key.digest(prefix, body, suffix)) for _, key in self._keys]
        return [*named, *self.grammar.write(signatures, time)]

    def decoy(self, *, now: float) -> Sequence[tuple[bytes, bytes]]:
        """See `Scheme`; with the headers that the template needs."""
        written = self.grammar.write([self._forged], spelled_moment(now, self._format))
        named = [(name, b"0") for name in self._template.headers]
        return [*named, *((name.lower().encode(), value.encode()) for name, value in written)]

    def _named_headers(self, event_id: str, event_type: str) -> list[tuple[str, str]]:
        named = self.facts.written(event_id, event_type)
        written = {name.lower().encode() for name, _ in named}
        others = sorted(self._template.headers - written)
        return [*named, *((name.decode().title(), _SAMPLE) for name in others)]


class _Time:
    """Where the signed time stands, checked against the template.

    Attributes:
        header: its header, if it has one.
        field: its name in a header of pairs.
        in_body: where it stands in the body, which is signed.
    """

    def __init__(self, where: object, template: SignedTemplate) -> None:
        self.header: str | None = None
        self.field: str | None = None
        self.in_body: FactFrom | None = None
        kind, _, name = where.partition(":") if isinstance(where, str) else ("", "", "")
        if kind == "field" and _FIELD.fullmatch(name):
            self.field = name
        elif kind == "header" and HEADER_NAME.fullmatch(name):
            self.header = name
        elif kind.startswith("/"):
            self.in_body = FactFrom("timestamp", where, numbers=True)
        elif where is not None:
            fix = "Write header:X-Time, field:t, or a pointer into the body"
            raise ConfigurationError("timestamp", "is no place of a time", fix=fix)
        if template.has_timestamp and not (self.header or self.field):
            raise ConfigurationError(
                "timestamp",
                "is missing: the template signs one" if where is None else "is signed by itself",
                fix='Write timestamp = "header:X-Time", or "field:t"',
            )
        if not template.has_timestamp and (self.header or self.field):
            raise ConfigurationError(
                "timestamp",
                "is not signed, so that it proves nothing",
                fix="Put {timestamp} into signed if the vendor signs it; else remove it",
            )


def _grammar(
    header: object,
    encoding: Encoding,
    *,
    prefix: object,
    separator: object,
    signature_field: object,
    time: _Time,
) -> Grammar:
    """The grammar that the settings choose."""
    names = cast("list[object]", header if isinstance(header, list) else [header])
    if not 0 < len(names) <= HEADERS_MAX:
        raise ConfigurationError("header", f"is not a header, or 1 to {HEADERS_MAX} in a list")
    headers = [_matching("header", one, HEADER_NAME) for one in names]
    mark = _matching("prefix", prefix, _MARK)
    between = None if separator is None else _matching("separator", separator, _SEPARATOR)
    if signature_field is None:
        if time.field is not None:
            raise ConfigurationError(
                "signature_field", "is missing beside a time in a field", fix='Write "v1"'
            )
        if between is None and len(headers) == 1:
            return OneSignature(headers[0], encoding, prefix=mark, time=time.header)
        return SeveralSignatures(
            headers, encoding, prefix=mark, separator=between or "", time=time.header
        )
    name = _matching("signature_field", signature_field, _FIELD)
    if mark:
        raise ConfigurationError("prefix", "stands before no signature that has a name")
    if time.field is None:
        prefix = f"{name}="
        return SeveralSignatures(
            headers, encoding, prefix=prefix, separator=between or ",", time=time.header
        )
    if len(headers) > 1:
        raise ConfigurationError("header", "is several, and one of them has the time")
    return Pairs(headers[0], encoding, time=time.field, signature=name, separator=between or ",")


def moment_of(text: bytes, form: str) -> int:
    """A signed time in Unix seconds, from its one spelling.

    Raises:
        MalformedRequestError: it is none.
    """
    if form == "seconds" and _SECONDS.fullmatch(text):
        return unix_seconds(text)
    if form == "milliseconds" and _MILLISECONDS.fullmatch(text):
        return int(text) // 1000
    if form == "rfc3339" and _RFC3339.fullmatch(text):
        try:
            return int(datetime.fromisoformat(text.decode().upper()).timestamp())
        except ValueError:  # no such day
            pass
    raise MalformedRequestError(f"the signed time is not {_SAID[form]}")


_SAID: Final = {
    "seconds": "in seconds",
    "milliseconds": "in milliseconds",
    "rfc3339": "a date and time with a zone",
}


def spelled_moment(now: float, form: str) -> bytes:
    """A time as a vendor would write it."""
    if form == "rfc3339":
        return datetime.fromtimestamp(int(now), UTC).strftime("%Y-%m-%dT%H:%M:%SZ").encode()
    return b"%d" % (int(now) if form == "seconds" else int(now) * 1000)


def _one_of(key: str, value: object, known: Sequence[str] | Mapping[str, object]) -> str:
    if isinstance(value, str) and value in known:
        return value
    raise ConfigurationError(key, f"is {value!r}", fix=f"Write one of {', '.join(known)}")


def _matching(key: str, value: object, pattern: re.Pattern[str]) -> str:
    if isinstance(value, str) and pattern.fullmatch(value):
        return value
    raise ConfigurationError(key, f"is {value!r}, which no header has there")
