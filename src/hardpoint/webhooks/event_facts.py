"""What a request says of its event: id and type, read where the configuration says they stand."""

import re
from collections.abc import Callable
from typing import Any, final

import msgspec
from msgspec.structs import replace

from hardpoint.core.decoding import UNREADABLE
from hardpoint.core.errors import ConfigurationError, MalformedRequestError
from hardpoint.webhooks.envelopes import Unreadable, check_name, open_envelope
from hardpoint.webhooks.verification import Notification, WebhookRequest

DEFAULT_TYPE = "/type"
HEADER_NAME = re.compile(r"[A-Za-z0-9-]{1,64}", re.ASCII)

_HEADER = "header:"
_POINTER = re.compile(r"(/([^~/]|~[01])*){1,16}")

Decode = Callable[[bytes], Any]

_members: Decode = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode
_items: Decode = msgspec.json.Decoder(list[msgspec.Raw]).decode
_text: Decode = msgspec.json.Decoder(str).decode
_text_or_number: Decode = msgspec.json.Decoder(str | int).decode


class _Typed(msgspec.Struct):
    """A payload as most are."""

    type: str = ""


_typed: Decode = msgspec.json.Decoder(_Typed).decode


@final
class FactFrom:
    """Reads one fact of an event: a JSON pointer into the body (RFC 6901), or a header.

    Args:
        setting: what says so, for messages: `type_from`.
        where: `/event/name`; or `header:x-event-type`.
        numbers: a whole number counts as its digits; else text alone counts.

    Raises:
        ConfigurationError: neither.

    Attributes:
        header: the header that is read, as it was written; empty for a pointer.
        headers: the same in lower case, as a set that may be empty.
        steps: of the pointer.
    """

    __slots__ = ("_decode", "_name", "header", "headers", "steps")

    def __init__(self, setting: str, where: object, *, numbers: bool = False) -> None:
        text = where if isinstance(where, str) else ""
        self.header, self.steps = "", tuple[str, ...]()
        name = text.removeprefix(_HEADER)
        if text.startswith(_HEADER) and HEADER_NAME.fullmatch(name):
            self.header = name
        elif _POINTER.fullmatch(text):
            self.steps = _steps_of(setting, text)
        else:
            raise ConfigurationError(
                setting,
                "is neither a JSON pointer nor a header",
                fix="Write /event/name, or header:x-event-type",
            )
        self._name = self.header.lower().encode()
        self.headers = frozenset({self._name} - {b""})
        self._decode = _text_or_number if numbers else _text

    def of(self, request: WebhookRequest) -> str:
        """The fact as a request has it; empty where there is none.

        Raises:
            MalformedRequestError: its header appears twice.
        """
        if self._name:
            return (request.header(self._name) or b"").decode("latin-1")
        try:
            if self.steps == ("type",) and self._decode is _text:
                return _typed(request.body).type
            found = request.body
            for step in self.steps:
                found = bytes(_step(found, step))
            return str(self._decode(found))
        except (*UNREADABLE, LookupError):  # not JSON, or not there
            return ""


@final
class EventFacts:
    """Id and type of the one event in a request, by two settings.

    Args:
        id_from: where its id stands; None where the vendor gives none. Without an id, dedupe rests
            on the bytes of the body.
        type_from: where its type stands; without one it is empty, and handlers of `*` take it.
        items: a pointer to the list of events, where one request tells of several; id and type
            then stand in each of them. Empty where the body is that list.
        signed: headers that the signature covers; in lower case.
        body_signed: whether it covers the body.

    Raises:
        ConfigurationError: a setting that is neither a pointer nor a header.

    Attributes:
        headers: those that are read; in lower case.
        items: the steps to the list of events; None where a request is one event.
    """

    def __init__(
        self,
        id_from: str | None,
        type_from: str,
        *,
        items: str | None = None,
        signed: frozenset[bytes] = frozenset(),
        body_signed: bool,
    ) -> None:
        self.id = None if id_from is None else FactFrom("id_from", id_from, numbers=True)
        self.type = FactFrom("type_from", type_from)
        self.headers = self.type.headers | (self.id.headers if self.id else frozenset[bytes]())
        covered = self.id is not None and (
            self.id.headers <= signed if self.id.header else body_signed
        )
        self._asserted = not covered
        self.items: tuple[str, ...] | None = None
        if items is not None:
            self.items = _steps_of("items", items)
            if self.id is not None and self.id.header:
                raise ConfigurationError("id_from", "is a header, and has one id for a whole list")

    def all_of(self, request: WebhookRequest) -> tuple[Notification, ...]:
        """Every event of a request. Those of a list stand alone: an odd one is malformed by itself.

        Raises:
            MalformedRequestError: see `of`.
            Unreadable: likewise, of the one event; or there is no list where it should stand.
        """
        if self.items is None:
            return (self.of(request),)
        found = request.body
        try:
            for step in self.items:
                found = bytes(_step(found, step))
        except (*UNREADABLE, LookupError):
            raise Unreadable(f"there is no list of events at /{'/'.join(self.items)}") from None
        return tuple(self._item(request, bytes(one)) for one in open_envelope(_items, found))

    def _item(self, request: WebhookRequest, body: bytes) -> Notification:
        one = WebhookRequest.raw(request.method, request.url, request.headers, body)
        try:
            return replace(self.of(one), body=body)
        except Unreadable as problem:
            return Notification(id="", type="", body=body, malformed=str(problem))

    def of(self, request: WebhookRequest) -> Notification:
        """The event. An id that is not covered is marked as asserted: dedupe does not trust it.

        Raises:
            MalformedRequestError: a header that is read twice, too long or not printable.
            Unreadable: the same of a text in the body.
        """
        event_id = _read(self.id, request) if self.id else ""
        event_type = _read(self.type, request)
        asserted = self._asserted and bool(event_id)
        return Notification(id=event_id, type=event_type, asserted=asserted)

    def written(self, event_id: str, event_type: str) -> list[tuple[str, str]]:
        """The headers that hold an event's id and type, where headers do."""
        of_id = [(self.id.header, event_id)] if self.id and self.id.header else []
        of_type = [(self.type.header, event_type)] if self.type.header else []
        return [*of_id, *of_type]


def _steps_of(setting: str, pointer: object) -> tuple[str, ...]:
    """The steps of a JSON pointer; none for the empty one, which is the whole document."""
    if not isinstance(pointer, str) or not (pointer == "" or _POINTER.fullmatch(pointer)):
        raise ConfigurationError(setting, f"is {pointer!r}, no JSON pointer", fix="Write /events")
    return tuple(one.replace("~1", "/").replace("~0", "~") for one in pointer.split("/")[1:])


def _read(fact: FactFrom, request: WebhookRequest) -> str:
    found = fact.of(request)
    try:
        check_name(found)
    except Unreadable as problem:
        if fact.header:  # whoever captured a request could quarantine it again and again
            raise MalformedRequestError(f"{fact.header}: {problem}") from None
        raise
    return found


def _step(document: bytes, step: str) -> msgspec.Raw:
    """A member of an object, or an item of a list."""
    if document.lstrip().startswith(b"["):
        return _items(document)[int(step)]
    return _members(document)[step]
