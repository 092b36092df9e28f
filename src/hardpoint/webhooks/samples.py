"""Sample events: what a vendor would send, with fresh ids, for `trigger`, tests and the demo.

The documents themselves stand in the vendors' folders.
"""

from collections.abc import Callable, Mapping
from copy import deepcopy
from datetime import UTC, datetime
from typing import Any, cast, final
from urllib.parse import urlencode

import msgspec

from hardpoint.core.decoding import UNREADABLE
from hardpoint.core.effects import Ids
from hardpoint.core.errors import ConfigurationError
from hardpoint.core.providers import load, provider

Document = dict[str, Any]

_FORM = "application/x-www-form-urlencoded"


class Sample(msgspec.Struct, frozen=True, kw_only=True):
    """One event, ready to be signed with `Scheme.sign` and sent.

    Attributes:
        type: its type, after the overrides.
        id: the vendor's id for it, wherever the vendor writes it.
        body: as the vendor spells its JSON.
        content_type: of the body.
    """

    type: str
    id: str
    body: bytes
    content_type: str = "application/json"


@final
class FreshIds:
    """What a document is filled with, so that no two samples are the same event.

    Attributes:
        now: Unix seconds.
    """

    __slots__ = ("_ids", "now")

    def __init__(self, now: float, ids: Ids) -> None:
        self.now = int(now)
        self._ids = ids

    def uuid(self) -> str:
        """A new UUID."""
        return self._ids()

    def token(self, prefix: str) -> str:
        """A new id in the style `prefix_0198...`, in letters and digits."""
        return f"{prefix}_{self._ids().replace('-', '')}"


Builder = Callable[[FreshIds], Any]
"""What builds a body: a document, or a list of them where the vendor sends lists."""


@final
class Samples:
    """The sample events of one vendor.

    Args:
        documents: what builds each type's body.
        event_id: where the id of an event stands: in its document, or in a header of its own.
        event_type: where its type stands, if it does in the document.
        indent: spaces of the vendor's JSON; 0 is compact.
        form: the vendor sends forms: documents of names and texts.
        text_at: whether the vendor has text and nothing else at a path, as in metadata.
    """

    def __init__(
        self,
        documents: Mapping[str, Builder],
        *,
        event_id: Callable[[FreshIds, Any], str],
        event_type: Callable[[Any], str | None] = lambda document: document.get("type"),
        indent: int = 0,
        form: bool = False,
        text_at: Callable[[str], bool] = lambda _: False,
    ) -> None:
        self._documents = documents
        self._event_id = event_id
        self._event_type = event_type
        self._indent = indent
        self._form = form
        self._text_at = text_at

    @property
    def types(self) -> tuple[str, ...]:
        """Every type there is a sample of, sorted."""
        return tuple(sorted(self._documents))

    def sample(
        self,
        event_type: str,
        *,
        now: float,
        ids: Ids,
        overrides: Mapping[str, Any] | None = None,
    ) -> Sample:
        """A new event.

        Args:
            event_type: one of `types`.
            now: Unix seconds it happened at.
            ids: where its ids come from.
            overrides: values by dotted path, `data.object.amount`; a number is a place in a list.
                Keys that are not there are added. What the vendor sends as text becomes text.

        Raises:
            ConfigurationError: no such type, or a path that leads nowhere.
        """
        build = self._documents.get(event_type)
        if build is None:
            known = ", ".join(self.types)
            raise ConfigurationError(
                "event", f"there is no sample of {event_type!r}", fix=f"Known: {known}"
            )
        fresh = FreshIds(now, ids)
        document = deepcopy(build(fresh))  # what builders share is not the overrides' to change
        for path, value in (overrides or {}).items():
            _override(document, path, value, text=self._form or self._text_at(path))
        identifier = self._event_id(fresh, document)
        if self._form:
            form = urlencode(document, errors="replace").encode("ascii")
            return Sample(type=event_type, id=identifier, body=form, content_type=_FORM)
        body = msgspec.json.encode(document)
        return Sample(
            type=str(self._event_type(document) or event_type),
            id=identifier,
            body=msgspec.json.format(body, indent=self._indent) if self._indent else body,
        )


PROTOCOLS: Mapping[str, str] = {"standard": "hardpoint.webhooks.samples:STANDARD"}
"""Samples that belong to no vendor."""


def samples(name: str) -> Samples:
    """The samples of a provider or protocol.

    Raises:
        ConfigurationError: unknown, or it has none.
    """
    reference = PROTOCOLS.get(name) or provider(name).samples
    if reference is None:
        raise ConfigurationError("provider", f"{name} has no sample events")
    return load(reference)


def assignment(text: str) -> tuple[str, Any]:
    """An override as the command line writes it: `path=value`, the value JSON or else plain text.

    Raises:
        ConfigurationError: there is no `=` or no path.
    """
    path, sign, value = text.partition("=")
    if not sign or not path:
        raise ConfigurationError("set", f"{text!r} is not path=value")
    try:
        return path, msgspec.json.decode(value)
    except UNREADABLE:
        return path, value


def _override(document: Any, path: str, value: Any, *, text: bool) -> None:
    *parents, last = path.split(".")
    place: Any = document
    if isinstance(document, list) and not path[0].isdigit():  # a list of one event, commonly
        place = cast("list[Any]", document)[0]
    for step in parents:
        key = _key(place, step, path)
        if isinstance(key, str) and key not in place:
            place[key] = {}
        place = place[key]
    key = _key(place, last, path)
    there = isinstance(key, int) or key in place
    if text or (there and isinstance(place[key], str)):
        value = _text(value)
    place[key] = value


def _text(value: Any) -> Any:
    """A number or a flag as text, as it would stand in JSON; the rest as it is."""
    return msgspec.json.encode(value).decode() if isinstance(value, int | float) else value


def _key(place: Any, step: str, path: str) -> str | int:
    """What a step of a path means here: a key of an object, or a place in a list."""
    if isinstance(place, dict):
        return step
    if isinstance(place, list) and step in map(str, range(len(cast("list[Any]", place)))):
        return int(step)
    raise ConfigurationError(path, f"the sample has no place {step!r} there")


def _standard(event_type: str, **data: Any) -> Builder:
    def build(fresh: FreshIds) -> Document:
        moment = datetime.fromtimestamp(fresh.now, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        return {
            "type": event_type,
            "timestamp": moment,
            "data": {"id": fresh.token(event_type.partition(".")[0]), **data},
        }

    return build


STANDARD = Samples(
    {
        "contact.created": _standard("contact.created", first_name="John", last_name="Smith"),
        "invoice.paid": _standard("invoice.paid", amount="2000", currency="eur", status="paid"),
        "order.shipped": _standard("order.shipped", carrier="post", parcels=1),
    },
    event_id=lambda fresh, _: fresh.token("msg"),
)
"""Standard Webhooks prescribes no events; these have its shape. The id goes in a header."""
