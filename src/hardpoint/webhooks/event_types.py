"""Where the type of an event stands, in protocols that ask nothing of the payload."""

import re
from collections.abc import Callable
from typing import Any, final

import msgspec

from hardpoint.core.decoding import UNREADABLE
from hardpoint.core.errors import ConfigurationError
from hardpoint.webhooks.verification import WebhookRequest

DEFAULT_TYPE = "/type"

_HEADER = "header:"
_HEADER_NAME = re.compile(r"[a-z0-9-]{1,64}", re.ASCII)
_POINTER = re.compile(r"(/([^~/]|~[01])*){1,16}")

Decode = Callable[[bytes], Any]

_members: Decode = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode
_items: Decode = msgspec.json.Decoder(list[msgspec.Raw]).decode
_text: Decode = msgspec.json.Decoder(str).decode


class _Typed(msgspec.Struct):
    """A payload as most are."""

    type: str = ""


_typed: Decode = msgspec.json.Decoder(_Typed).decode


@final
class TypeFrom:
    """Reads the type of an event. What has none has the empty one.

    Args:
        where: a JSON pointer into the body (RFC 6901), `/event/name`; or `header:x-event-type`.

    Raises:
        ConfigurationError: neither.

    Attributes:
        headers: the header that is read, in lower case.
    """

    __slots__ = ("_header", "_steps", "headers")

    def __init__(self, where: str) -> None:
        self._header = b""
        self._steps: tuple[str, ...] = ()
        name = where.removeprefix(_HEADER).lower()
        if where.startswith(_HEADER) and _HEADER_NAME.fullmatch(name):
            self._header = name.encode()
        elif _POINTER.fullmatch(where):
            self._steps = tuple(
                step.replace("~1", "/").replace("~0", "~") for step in where.split("/")[1:]
            )
        else:
            raise ConfigurationError(
                "type_from",
                "is neither a JSON pointer nor a header",
                fix="Write /event/name, or header:x-event-type",
            )
        self.headers = frozenset({self._header} - {b""})

    def of(self, request: WebhookRequest) -> str:
        """The type of the event in a request; empty where there is none.

        Raises:
            MalformedRequestError: its header appears twice.
        """
        if self._header:
            return (request.header(self._header) or b"").decode("latin-1")
        try:
            if self._steps == ("type",):
                return _typed(request.body).type
            found = request.body
            for step in self._steps:
                found = bytes(_step(found, step))
            return _text(found)
        except (*UNREADABLE, LookupError):  # not JSON, or not there
            return ""


def _step(document: bytes, step: str) -> msgspec.Raw:
    """A member of an object, or an item of a list."""
    if document.lstrip().startswith(b"["):
        return _items(document)[int(step)]
    return _members(document)[step]
