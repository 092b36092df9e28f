"""Sources that show a credential and sign nothing: HTTP basic, and a key in a header or the query.

Whoever has seen one request can send any other. So nothing of the body is covered, ids included:
dedupe rests on the bytes beside them.
"""

import hashlib
import hmac
import re
from abc import abstractmethod
from collections.abc import Sequence
from typing import Any, Final, final
from urllib.parse import parse_qsl, quote_plus

from hardpoint.core.errors import (
    ConfigurationError,
    MalformedRequestError,
    MissingSignatureError,
    SignatureMismatchError,
)
from hardpoint.core.secrets import Secret
from hardpoint.webhooks.event_facts import DEFAULT_TYPE, HEADER_NAME, EventFacts
from hardpoint.webhooks.grammar import base64
from hardpoint.webhooks.handshakes import Handshake
from hardpoint.webhooks.schemes import CONTENT_HEADERS, OneEventScheme
from hardpoint.webhooks.signatures import Unfit, prepare, signature_in
from hardpoint.webhooks.verification import Coverage, Replay, WebhookRequest

DIGEST_US: Final = 4.0
QUERY_BYTES_MAX = 8 * 1024
QUERY_FIELDS_MAX = 64

_PREFIX: Final = re.compile(r"[!-~ ]{0,32}", re.ASCII)
_QUERY_NAME: Final = re.compile(r"[A-Za-z0-9._~-]{1,64}", re.ASCII)


class CredentialScheme(OneEventScheme):
    """Compares what a request shows with what is configured, in constant time.

    Args:
        secrets: those that are live, newest first.
        id_from: where an event's id stands, a pointer or `header:NAME`; asserted in any case.
        type_from: where its type stands.
        items: a pointer to the list of events, where a request tells of several.
        handshake: what the vendor asks at first; see `Handshake`.

    Raises:
        ConfigurationError: a secret that is blank, or a setting out of range.
    """

    covers = Coverage.NONE
    replay = Replay.NONE

    def __init__(
        self,
        secrets: Sequence[Secret],
        *,
        id_from: str | None,
        type_from: str,
        items: str | None,
        handshake: object,
        header: str | None,
    ) -> None:
        self._secrets = prepare(secrets, self._checked)
        self._digests = [_digest(self.shown(text)) for _, text in self._secrets]
        self.facts = EventFacts(id_from, type_from, items=items, body_signed=False)
        if handshake is not None:
            self.handshake = Handshake(handshake, signs=False)
        self.signature_headers = frozenset({header.lower().encode()} if header else ())
        self.stored_headers = (CONTENT_HEADERS | self.facts.headers) - self.signature_headers
        self.refusal_us = DIGEST_US

    def authenticate(self, request: WebhookRequest, *, now: float) -> tuple[int, int | None, Any]:
        """See `SignatureScheme`; every secret is compared, whichever matches."""
        del now  # nothing is signed that could be too old
        presented = _digest(self.presented(request))
        matching = [hmac.compare_digest(presented, one) for one in self._digests]
        if not any(matching):
            _digest(request.body)  # as every scheme that signs: the time tells nobody which this is
            raise SignatureMismatchError
        return matching.index(True), None, None

    @abstractmethod
    def presented(self, request: WebhookRequest) -> bytes:
        """What a request shows.

        Raises:
            MissingSignatureError: nothing.
            MalformedRequestError: not in the form of this scheme.
        """

    @abstractmethod
    def shown(self, secret: str) -> bytes:
        """What a request with this secret shows."""

    @staticmethod
    def _checked(text: str) -> str | Unfit:
        if text != text.strip():
            return Unfit("has blanks around it", "Remove them, or the newline at the file's end")
        return text


@final
class BasicWebhooks(CredentialScheme):
    """HTTP basic authentication (RFC 7617).

    Args:
        secrets: the passwords that are live, newest first.
        username: the name beside them.
        id_from: see `CredentialScheme`.
        type_from: likewise.
        items: likewise.
        handshake: likewise.

    Raises:
        ConfigurationError: likewise; or a name that cannot be one.
    """

    signature_headers = frozenset({b"authorization"})

    def __init__(
        self,
        *,
        secrets: Sequence[Secret],
        username: str,
        id_from: str | None = None,
        type_from: str = DEFAULT_TYPE,
        items: str | None = None,
        handshake: object = None,
    ) -> None:
        if not isinstance(username, str) or not username or ":" in username:  # pyright: ignore[reportUnnecessaryIsInstance] - of a file
            raise ConfigurationError("username", "is no name, or holds a colon")
        self._username = username
        super().__init__(
            secrets,
            id_from=id_from,
            type_from=type_from,
            items=items,
            handshake=handshake,
            header="authorization",
        )

    def presented(self, request: WebhookRequest) -> bytes:
        """What stands after `Basic`."""
        value = signature_in(request.header(b"authorization"), b"authorization")
        kind, _, credentials = value.partition(b" ")
        if kind.lower() != b"basic" or not credentials:
            raise MalformedRequestError("the authorization is not basic")
        return credentials

    def shown(self, secret: str) -> bytes:
        """Name and password, encoded."""
        return base64(f"{self._username}:{secret}".encode(errors="surrogateescape"))

    def sign(
        self, body: bytes, *, now: float, event_id: str, event_type: str
    ) -> Sequence[tuple[str, str]]:
        """The newest secret's header, and those of id and type."""
        del body, now
        credentials = self.shown(self._secrets[0][1]).decode()
        named = self.facts.written(event_id, event_type)
        return [*named, ("Authorization", f"Basic {credentials}")]

    def decoy(self, *, now: float) -> Sequence[tuple[bytes, bytes]]:
        """See `Scheme`."""
        return [(b"authorization", b"Basic bm9ib2R5Om5vYm9keQ==")]


@final
class ApiKeyWebhooks(CredentialScheme):
    """A key that a request shows in a header or in the query of its address.

    Args:
        secrets: the keys that are live, newest first.
        header: where it stands; or
        query: the name of the parameter. An address is written down in many places: use a header
            where the vendor can.
        prefix: what stands before it in the header, `Bearer `.
        id_from: see `CredentialScheme`.
        type_from: likewise.
        items: likewise.
        handshake: likewise.

    Raises:
        ConfigurationError: likewise; or both places, or none.
    """

    signature_headers = frozenset[bytes]()

    def __init__(
        self,
        *,
        secrets: Sequence[Secret],
        header: str | None = None,
        query: str | None = None,
        prefix: str = "",
        id_from: str | None = None,
        type_from: str = DEFAULT_TYPE,
        items: str | None = None,
        handshake: object = None,
    ) -> None:
        if (header is None) == (query is None):
            raise ConfigurationError("header", "or query: the key stands in one of them")
        for key, value, pattern in (
            ("header", header, HEADER_NAME),
            ("query", query, _QUERY_NAME),
            ("prefix", prefix, _PREFIX),
        ):
            if value is not None and not (isinstance(value, str) and pattern.fullmatch(value)):  # pyright: ignore[reportUnnecessaryIsInstance] - of a file
                raise ConfigurationError(key, f"is {value!r}")
        if prefix and query:
            raise ConfigurationError("prefix", "is of a header")
        self._header, self._query, self._prefix = header, query, prefix
        super().__init__(
            secrets,
            id_from=id_from,
            type_from=type_from,
            items=items,
            handshake=handshake,
            header=header,
        )

    def presented(self, request: WebhookRequest) -> bytes:
        """The key, of header or query."""
        if self._header is None:
            return self._parameter(request.arrival.query)
        name = self._header.lower().encode()
        value = signature_in(request.header(name), name)
        if not value.startswith(self._prefix.encode()):
            raise MalformedRequestError(f"the {name.decode()} header has not the prefix")
        return value[len(self._prefix) :]

    def shown(self, secret: str) -> bytes:
        """The key itself."""
        return secret.encode(errors="surrogateescape")

    def sign(
        self, body: bytes, *, now: float, event_id: str, event_type: str
    ) -> Sequence[tuple[str, str]]:
        """The newest key in its header, where it has one, and those of id and type."""
        del body, now
        named = self.facts.written(event_id, event_type)
        if self._header is None:
            return named
        return [*named, (self._header, self._prefix + self._secrets[0][1])]

    def address(self, url: str) -> str:
        """The address to post to: with the key, where it stands in the query."""
        if self._query is None:
            return url
        key = quote_plus(self.shown(self._secrets[0][1]))
        return f"{url}{'&' if '?' in url else '?'}{self._query}={key}"

    def decoy(self, *, now: float) -> Sequence[tuple[bytes, bytes]]:
        """See `Scheme`; a key in the query has none, for it costs as little."""
        if self._header is None:
            return []
        return [(self._header.lower().encode(), self._prefix.encode() + b"nobody")]

    def _parameter(self, query: bytes) -> bytes:
        if len(query) > QUERY_BYTES_MAX:
            raise MalformedRequestError("the query is too long")
        try:
            fields = parse_qsl(
                query.decode("latin-1"),
                keep_blank_values=True,
                encoding="latin-1",
                max_num_fields=QUERY_FIELDS_MAX,
            )
        except ValueError:
            raise MalformedRequestError("the query has too many fields") from None
        values = [value for name, value in fields if name == self._query]
        if not values:
            raise MissingSignatureError(f"the query has no {self._query}")
        if len(values) > 1:
            raise MalformedRequestError(f"{self._query} stands twice in the query")
        return values[0].encode("latin-1")


def _digest(data: bytes) -> bytes:
    """So that the time of a comparison does not tell how long the secret is."""
    return hashlib.sha256(data).digest()
