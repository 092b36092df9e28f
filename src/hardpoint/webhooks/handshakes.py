"""Requests by which a vendor asks whether anybody is there, and what it wants to hear.

    handshake = { query = "challenge" }          # GET or POST ?challenge=abc is answered abc
    handshake = { header = "X-Hook-Secret" }     # a request without a signature has it sent back
    handshake = { method = "HEAD" }              # a HEAD is answered 200
    handshake = { body = "/payload/token", answer = '{"token":"{value}","proof":"{hmac}"}' }

Nothing of a handshake is stored. The first three come before there is anything to prove them by, so
they are answered with what they say and nothing else. The last one is answered under a signature
that holds: `{hmac}` would otherwise sign whatever anybody asks for.
"""

import re
from collections.abc import Callable, Mapping
from typing import Any, Final, cast, final
from urllib.parse import parse_qsl

from hardpoint.core.errors import ConfigurationError
from hardpoint.webhooks.event_facts import HEADER_NAME, FactFrom
from hardpoint.webhooks.verification import Reply, WebhookRequest

KINDS: Final = ("body", "header", "method", "query")
QUERY_BYTES_MAX: Final = 8 * 1024
QUERY_FIELDS_MAX: Final = 64

_PROBES: Final = frozenset({"GET", "HEAD"})
_QUERY_NAME: Final = re.compile(r"[A-Za-z0-9._~-]{1,64}", re.ASCII)
_SAID: Final = re.compile(r"[ -~]{1,1024}", re.ASCII)
_MARKUP: Final = frozenset("<>&\"'`\\")
"""What no browser is to find in an answer, and what ends a text in JSON."""
_NOSNIFF: Final = (b"x-content-type-options", b"nosniff")
_TEXT: Final = ((b"content-type", b"text/plain; charset=utf-8"), _NOSNIFF)
_JSON: Final = ((b"content-type", b"application/json"), _NOSNIFF)
_VALUE: Final = "{value}"
_HMAC: Final = "{hmac}"


@final
class Handshake:
    """What a source's settings say of its handshake.

    Args:
        settings: a table, as a configuration file has it.
        signs: whether the scheme has a key that could answer `{hmac}`.

    Raises:
        ConfigurationError: none of the four, or more than one.
    """

    def __init__(self, settings: object, *, signs: bool) -> None:
        table = cast("dict[str, Any]", settings) if isinstance(settings, dict) else {}
        kinds = [kind for kind in KINDS if kind in table]
        if len(kinds) != 1 or table.keys() - {*kinds, "answer"}:
            fix = 'Write handshake = { query = "challenge" }; or header, method, or body and answer'
            raise ConfigurationError("handshake", "is none that is known", fix=fix)
        self._kind = kinds[0]
        self._name: str = table[self._kind]
        self._fact: FactFrom | None = None
        fits: Mapping[str, Callable[[], bool]] = {
            "body": self._reads_body,
            "header": lambda: bool(HEADER_NAME.fullmatch(self._name)),
            "method": lambda: self._name in _PROBES,
            "query": lambda: bool(_QUERY_NAME.fullmatch(self._name)),
        }
        if not isinstance(self._name, str) or not fits[self._kind]():  # pyright: ignore[reportUnnecessaryIsInstance] - of a file
            raise ConfigurationError(f"handshake.{self._kind}", f"is {self._name!r}")
        self._answer = table.get("answer", _VALUE)
        if not isinstance(self._answer, str) or (self._answer != _VALUE and self._fact is None):
            raise ConfigurationError("handshake.answer", "is text, and goes with body alone")
        if _HMAC in self._answer and not signs:
            raise ConfigurationError("handshake.answer", "wants an HMAC, and this source has none")

    def early(self, request: WebhookRequest, signatures: frozenset[bytes]) -> Reply | None:
        """The answer to one that nothing proves; None where it is no handshake.

        Args:
            request: as it arrived.
            signatures: the headers that a signature stands in.
        """
        probe = request.method in _PROBES
        if self._kind == "method":
            return Reply() if request.method == self._name else None
        if self._kind == "query":
            said = _of_query(request.arrival.query, self._name)
            return None if said is None else Reply(headers=_TEXT, body=said.encode())
        if self._kind != "header" or probe or any(one in signatures for one, _ in request.headers):
            return None
        name = self._name.lower().encode()
        found = [value for one, value in request.headers if one == name]
        said = _plain(found[0].decode("latin-1")) if len(found) == 1 else None
        return None if said is None else Reply(headers=((name, said.encode()),))

    def late(self, request: WebhookRequest, proof: Callable[[bytes], bytes]) -> Reply | None:
        """The answer to one whose signature holds; None where it is no handshake.

        Args:
            request: as it arrived.
            proof: the HMAC of what it says, by the key that matched.
        """
        said = None if self._fact is None else _plain(self._fact.of(request))
        if said is None:
            return None
        if self._answer == _VALUE:
            return Reply(headers=_TEXT, body=said.encode())
        answer = self._answer
        if _HMAC in answer:
            answer = answer.replace(_HMAC, proof(said.encode()).decode())
        return Reply(headers=_JSON, body=answer.replace(_VALUE, said).encode())

    def _reads_body(self) -> bool:
        self._fact = FactFrom("handshake.body", self._name)
        return not self._fact.header


def _plain(text: str) -> str | None:
    """Text that can be said back wherever it lands; None for any other."""
    return text if _SAID.fullmatch(text) and _MARKUP.isdisjoint(text) else None


def _of_query(query: bytes, name: str) -> str | None:
    if len(query) > QUERY_BYTES_MAX:
        return None
    try:
        fields = parse_qsl(
            query.decode("latin-1"), encoding="latin-1", max_num_fields=QUERY_FIELDS_MAX
        )
    except ValueError:
        return None
    values = [value for one, value in fields if one == name]
    return _plain(values[0]) if len(values) == 1 else None
