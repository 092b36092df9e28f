"""Where a signature stands in a request, and how it is spelled: said as data by each scheme.

A grammar is strict, linear and on bytes. What it takes apart when it reads, it puts together when a
scheme signs, so that a vendor states its header once.
"""

import binascii
from binascii import a2b_base64, a2b_hex, b2a_base64, hexlify
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Protocol, final

from hardpoint.core.errors import MalformedRequestError, MissingSignatureError
from hardpoint.webhooks.signatures import CANDIDATES_MAX, signature_in
from hardpoint.webhooks.verification import WebhookRequest

Parts = tuple[Sequence[bytes], bytes | None, Mapping[bytes, bytes]]
"""The signatures as spelled, the signed time as spelled where one is signed, other headers."""

_NO_HEADERS: Mapping[bytes, bytes] = MappingProxyType({})


def base64(data: bytes) -> bytes:
    """In base64, on one line."""
    return b2a_base64(data, newline=False)


def decoded(text: bytes) -> bytes | None:
    """What base64 holds, whatever the bits are that its last sign does not need."""
    try:
        return a2b_base64(text, strict_mode=True)
    except binascii.Error:
        return None


def from_base64(text: bytes) -> bytes | None:
    """What is encoded; None unless it is spelled as we would."""
    data = decoded(text)
    return data if data is not None and base64(data) == text else None


def base64url(data: bytes) -> bytes:
    """In the alphabet of URLs, without the signs that fill it up, as tokens are written."""
    return base64(data).translate(_FOR_URLS).rstrip(b"=")


def from_base64url(text: bytes) -> bytes | None:
    """What is encoded; None unless it is spelled as we would."""
    data = decoded(text.translate(_FROM_URLS) + b"=" * (-len(text) % 4))
    return data if data is not None and base64url(data) == text else None


_FOR_URLS = bytes.maketrans(b"+/", b"-_")
_FROM_URLS = bytes.maketrans(b"-_", b"+/")


def from_hex(text: bytes) -> bytes | None:
    """What is encoded in lower-case digits; None where it is not."""
    try:
        data = a2b_hex(text)
    except (binascii.Error, ValueError):
        return None
    return data if hexlify(data) == text else None


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Encoding:
    """How a signature is written.

    Attributes:
        form: for messages: `64 hex digits`.
        least: how many characters it has at least.
        most: and at most.
        spell: writes it.
        decode: reads it; None unless it is spelled as `spell` would.
    """

    form: str
    least: int
    most: int
    spell: Callable[[bytes], bytes]
    decode: Callable[[bytes], bytes | None]


def in_hex(size: int) -> Encoding:
    """Lower-case digits of a signature of so many bytes."""
    chars = 2 * size
    return Encoding(
        form=f"{chars} hex digits", least=chars, most=chars, spell=hexlify, decode=from_hex
    )


def in_base64(size: int, *, least: int | None = None) -> Encoding:
    """Base64 of a signature of so many bytes, or of as few as `least`."""
    most = (size + 2) // 3 * 4
    return Encoding(
        form=f"{most} signs of base64" if least is None else "base64 of a signature",
        least=most if least is None else (least + 2) // 3 * 4,
        most=most,
        spell=base64,
        decode=from_base64,
    )


def in_base64url(size: int) -> Encoding:
    """The same in the alphabet of URLs, without the signs that fill it up."""
    chars = (4 * size + 2) // 3
    return Encoding(
        form=f"{chars} signs of base64url",
        least=chars,
        most=chars,
        spell=base64url,
        decode=from_base64url,
    )


class Grammar(Protocol):
    """Takes the headers of a signature apart, and puts them together.

    Attributes:
        encoding: of the signature.
        has_timestamp: whether a time is signed.
        signature_headers: where signatures stand; names in lower case.
    """

    encoding: Encoding
    has_timestamp: bool
    signature_headers: frozenset[bytes]

    def read(self, request: WebhookRequest) -> Parts:
        """What the headers hold.

        Raises:
            MissingSignatureError: no signature.
            MalformedRequestError: not in this grammar.
        """
        ...

    def write(self, signatures: Sequence[bytes], time: bytes) -> list[tuple[str, str]]:
        """The headers that hold it."""
        ...


@final
class OneSignature:
    """A header with one signature, and the time, where it is signed, in another.

    Args:
        header: as the vendor writes it.
        encoding: of the signature.
        prefix: what stands before it, `sha256=`.
        time: the header of the signed time, in Unix seconds.
        also: other headers that are read, and may stand once only; in lower case.
        weaker: headers of signatures that are not accepted, and what they are.
    """

    def __init__(
        self,
        header: str,
        encoding: Encoding,
        *,
        prefix: str = "",
        time: str | None = None,
        also: Sequence[bytes] = (),
        weaker: Mapping[bytes, str] | None = None,
    ) -> None:
        self.encoding = encoding
        self.has_timestamp = time is not None
        self._written = (header, prefix, time or "")
        self._weaker = weaker or {}
        name = header.lower().encode()
        time_name = time.lower().encode() if time else None
        self.signature_headers = frozenset({name, *self._weaker})
        names = frozenset({*self.signature_headers, *also, time_name or name})
        self._names = (names, name, time_name, prefix.encode(), len(prefix))
        self._chars = (len(prefix) + encoding.least, len(prefix) + encoding.most)

    def read(self, request: WebhookRequest) -> Parts:
        """See `Grammar`."""
        names, name, time_name, prefix, start = self._names
        headers = request.once(names)
        value = headers.get(name)
        if value is None:
            raise MissingSignatureError(self._missing(name, headers))
        least, most = self._chars
        if not least <= len(value) <= most or not value.startswith(prefix):
            signature_in(value, name)
            form = f"{prefix.decode()} and {self.encoding.form}" if prefix else self.encoding.form
            raise MalformedRequestError(f"the signature is not {form}")
        time = headers.get(time_name, b"") if time_name else None
        return (value[start:],), time, headers

    def _missing(self, name: bytes, headers: Mapping[bytes, bytes]) -> str:
        refused = [what for other, what in self._weaker.items() if other in headers]
        told = f"; {refused[0]} is not accepted" if refused else ""
        return f"the request has no {name.decode()} header{told}"

    def write(self, signatures: Sequence[bytes], time: bytes) -> list[tuple[str, str]]:
        """See `Grammar`; the first signature is the one."""
        header, prefix, timestamp = self._written
        written = [(header, prefix + signatures[0].decode())]
        return [*written, (timestamp, time.decode())] if timestamp else written


@final
class Pairs:
    """One header with a time and signatures, `t=<seconds>,v1=<hex>[,v1=<hex>...]`.

    Args:
        header: as the vendor writes it.
        encoding: of each signature; all are of one length.
        time: the name of the signed time.
        signature: the name of a signature; those of other names are skipped.
        separator: between the pairs.
    """

    has_timestamp = True

    def __init__(
        self,
        header: str,
        encoding: Encoding,
        *,
        time: str = "t",
        signature: str = "v1",
        separator: str = ",",
    ) -> None:
        self.encoding = encoding
        self._written = (header, separator)
        name = header.lower().encode()
        self.signature_headers = frozenset({name})
        self._names = (name, separator.encode(), time.encode(), signature.encode(), encoding.most)

    def read(self, request: WebhookRequest) -> Parts:
        """See `Grammar`; a signature of another length is skipped beside one that can be one."""
        header_name, separator, time_name, signature_name, chars = self._names
        header = signature_in(request.header(header_name), header_name)
        time = None
        candidates: list[bytes] = []
        unreadable = False
        for entry in header.split(separator):
            name, _, value = entry.partition(b"=")
            if name == signature_name:
                if len(value) == chars:
                    candidates.append(value)
                else:
                    unreadable = True
            elif name == time_name:
                if time is not None:
                    raise MalformedRequestError("the signed time stands twice")
                time = value
        if time is None:
            raise MalformedRequestError(f"the signature header has no {time_name.decode()}=")
        if not candidates:
            raise self._nothing(signature_name.decode(), unreadable)
        if len(candidates) > CANDIDATES_MAX:
            raise MalformedRequestError(f"there are more than {CANDIDATES_MAX} signatures")
        return candidates, time, _NO_HEADERS

    def _nothing(
        self, name: str, unreadable: bool
    ) -> MalformedRequestError | MissingSignatureError:
        if unreadable:
            return MalformedRequestError(f"no {name} signature is {self.encoding.form}")
        return MissingSignatureError(f"the signature header has no {name}=")

    def write(self, signatures: Sequence[bytes], time: bytes) -> list[tuple[str, str]]:
        """See `Grammar`; all of them."""
        header, separator = self._written
        _, _, time_name, signature_name, _ = self._names
        entries = [(time_name, time), *((signature_name, one) for one in signatures)]
        value = separator.join(f"{name.decode()}={text.decode()}" for name, text in entries)
        return [(header, value)]


@final
class SeveralSignatures:
    """Signatures in one header or in several, one of each live key of the vendor.

    Args:
        headers: as the vendor writes them.
        encoding: of each signature; all are of one length.
        prefix: what stands before each, `v1=`. What begins otherwise is skipped.
        separator: between those in one header; empty where each header holds one.
        time: the header of the signed time.
    """

    def __init__(
        self,
        headers: Sequence[str],
        encoding: Encoding,
        *,
        prefix: str = "",
        separator: str = "",
        time: str | None = None,
    ) -> None:
        self.encoding = encoding
        self.has_timestamp = time is not None
        self._written = (headers, prefix, separator, time or "")
        self._names = [header.lower().encode() for header in headers]
        self._time = (time or "").lower().encode()
        self.signature_headers = frozenset(self._names)
        self._read = self.signature_headers | {self._time}

    def read(self, request: WebhookRequest) -> Parts:
        """See `Grammar`; what cannot be one of ours is skipped beside one that can."""
        headers = request.once(self._read)
        _, prefix, separator, _ = self._written
        start, chars = prefix.encode(), self.encoding.most
        candidates: list[bytes] = []
        present = [name for name in self._names if name in headers]
        if not present:
            raise MissingSignatureError(
                f"the request has no {' or '.join(name.decode() for name in self._names)} header"
            )
        for name in present:
            value = signature_in(headers[name], name)
            entries = value.split(separator.encode()) if separator else (value,)
            candidates += [
                entry[len(start) :]
                for entry in entries
                if entry.startswith(start) and len(entry) == len(start) + chars
            ]
        if not candidates:
            form = f"{prefix} and {self.encoding.form}" if prefix else self.encoding.form
            raise MalformedRequestError(f"no signature is {form}")
        if len(candidates) > CANDIDATES_MAX:
            raise MalformedRequestError(f"there are more than {CANDIDATES_MAX} signatures")
        return candidates, headers.get(self._time, b"") if self.has_timestamp else None, headers

    def write(self, signatures: Sequence[bytes], time: bytes) -> list[tuple[str, str]]:
        """See `Grammar`; all of them, or as many as there are headers."""
        headers, prefix, separator, timestamp = self._written
        entries = [prefix + one.decode() for one in signatures]
        texts = [separator.join(entries)] if separator else entries
        written = list(zip(headers, texts, strict=False))
        return [*written, (timestamp, time.decode())] if timestamp else written
