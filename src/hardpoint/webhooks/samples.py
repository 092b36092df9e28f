"""Sample events: what a vendor would send, with fresh ids, for `trigger`, tests and the demo.

They stand in `samples.json` in the vendors' folders.
"""

import re
from base64 import urlsafe_b64encode
from collections.abc import Mapping
from datetime import UTC, datetime
from importlib.resources import files
from typing import Any, cast, final
from urllib.parse import urlencode

import msgspec

from hardpoint.core.decoding import UNREADABLE
from hardpoint.core.effects import Ids
from hardpoint.core.errors import ConfigurationError
from hardpoint.core.providers import provider
from hardpoint.webhooks.schemes import OneEventScheme

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


class SamplesFile(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What stands in `samples.json`, beside a vendor's adapter.

    Attributes:
        about: what the samples tell, for whoever reads the file.
        events: what is sent, by the type of the event: a document, or a list of them. Its texts may
            hold `{now}` and `{now+3600}` (a number, Unix seconds), `{time}` (the same as text), and
            new ids: `{uuid}`, `{hex}` of 32, `{sha}` of 40, `{short}` of 22 characters, and
            `{token:evt}` for `evt_...`. The same words are the same id within one sample; where
            there are several, they have names: `{uuid:key}`.
        event_id: what the id of an event is made of; `<name>` is a field of its document. The first
            one counts whose fields are all there.
        event_type: the field with the type, if the document has it.
        indent: spaces of the vendor's JSON; 0 is compact.
        form: the vendor sends forms: documents of names and texts.
        text_below: fields with text and nothing else in them.
        other_fields_are_text: so is what stands in none of the samples.
    """

    about: str
    events: dict[str, Any]
    event_id: tuple[str, ...]
    event_type: str = "type"
    indent: int = 0
    form: bool = False
    text_below: tuple[str, ...] = ()
    other_fields_are_text: bool = False


@final
class FreshValues:
    """What the places in one sample are filled with, so that no two samples are the same event."""

    def __init__(self, now: float, ids: Ids) -> None:
        self._now = int(now)
        self._ids = ids
        self._known: dict[str, str] = {}

    def fill(self, value: Any) -> Any:
        """A value of a document, with its places filled."""
        if isinstance(value, dict):
            return {name: self.fill(one) for name, one in cast("Document", value).items()}
        if isinstance(value, list):
            return [self.fill(one) for one in cast("list[Any]", value)]
        if not isinstance(value, str):
            return value
        moment = _NOW.fullmatch(value)
        return self._now + int(moment[1] or 0) if moment else _PLACE.sub(self._text, value)

    def _text(self, place: re.Match[str]) -> str:
        found = self._known.get(place[0])
        if found is None:
            found = self._known[place[0]] = self._made(place[1], place[2] or "")
        return found

    def _made(self, kind: str, name: str) -> str:
        if kind == "time":
            return datetime.fromtimestamp(self._now, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        identifier = self._ids()
        digits = identifier.replace("-", "")
        match kind:
            case "uuid":
                return identifier
            case "token":
                return f"{name.partition(':')[0]}_{digits}"
            case "sha":
                return (digits + digits)[24:]
            case "short":
                return urlsafe_b64encode(bytes.fromhex(digits)).decode().rstrip("=")
            case _:
                return digits


@final
class Samples:
    """The sample events of one vendor.

    Args:
        content: of its `samples.json`.

    Raises:
        ValueError: it is none.
    """

    def __init__(self, content: bytes) -> None:
        self._file = _file(content)
        documents = map(_first, self._file.events.values())
        self._fields = frozenset(name for one in documents for name in one)

    @property
    def types(self) -> tuple[str, ...]:
        """Every type there is a sample of, sorted."""
        return tuple(sorted(self._file.events))

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
        file = self._file
        if event_type not in file.events:
            known = ", ".join(self.types)
            raise ConfigurationError(
                "event", f"there is no sample of {event_type!r}", fix=f"Known: {known}"
            )
        fresh = FreshValues(now, ids)
        document = fresh.fill(file.events[event_type])
        for path, value in (overrides or {}).items():
            _override(document, path, value, text=self._is_text(path))
        told = _first(document)
        named = (_named(one, told) for one in file.event_id)
        identifier = fresh.fill(next(filter(None, named), "{uuid}"))
        if file.form:
            form = urlencode(document, errors="replace").encode("ascii")
            return Sample(type=event_type, id=identifier, body=form, content_type=_FORM)
        body = msgspec.json.encode(document)
        return Sample(
            type=str(told.get(file.event_type) or event_type),
            id=identifier,
            body=msgspec.json.format(body, indent=file.indent) if file.indent else body,
        )

    def _is_text(self, path: str) -> bool:
        """Whether the vendor has text and nothing else at a path, as in metadata."""
        steps = path.split(".")
        field = steps[steps[0].isdigit() and len(steps) > 1]
        return (
            self._file.form
            or any(one in steps[:-1] for one in self._file.text_below)
            or (self._file.other_fields_are_text and field not in self._fields)
        )


PROTOCOLS: Mapping[str, str] = {"standard": "hardpoint.webhooks:standard.json"}
"""Samples that belong to no vendor."""


def samples(name: str) -> Samples:
    """The samples of a provider or protocol.

    Raises:
        ConfigurationError: unknown, or it has none, or they cannot be read.
    """
    reference = PROTOCOLS.get(name) or provider(name).samples
    if reference is None:
        raise ConfigurationError("provider", f"{name} has no sample events")
    package, _, file = reference.partition(":")
    try:
        return Samples(files(package).joinpath(file).read_bytes())
    except (OSError, TypeError, ValueError) as error:  # a module that is no package has no files
        raise ConfigurationError(
            "provider", f"{name}: {reference} is no file of samples: {error}"
        ) from None


def described_sample(
    scheme: OneEventScheme,
    event_type: str,
    *,
    now: float,
    ids: Ids,
    overrides: Mapping[str, Any] | None = None,
) -> Sample:
    """An event of a source that no vendor's folder describes: what its settings look at.

    Args:
        scheme: of the source.
        event_type: any.
        now: Unix seconds it happened at.
        ids: where its id comes from.
        overrides: see `Samples.sample`.

    Raises:
        ConfigurationError: a path that leads nowhere.
    """
    identifier, facts = ids(), scheme.facts
    values: dict[tuple[str, ...], Any] = {facts.type.steps: event_type}
    if facts.id is not None:
        values[facts.id.steps] = identifier
    document: Any = _filled({}, values)
    if facts.items is not None:  # a list of this one
        document = _filled({}, {facts.items: [document]}) if facts.items else [document]
    if isinstance(document, dict):
        document = _filled(cast("Document", document), scheme.clockwork(now))
    for path, value in (overrides or {}).items():
        _override(document, path, value, text=False)
    return Sample(type=event_type, id=identifier, body=msgspec.json.encode(document))


def _filled(document: Document, values: Mapping[tuple[str, ...], Any]) -> Document:
    """A document with values at the ends of these steps; those without a step stand elsewhere."""
    for steps, value in values.items():
        place = document
        for step in steps[:-1]:
            place = place.setdefault(step, {})
        if steps:
            place[steps[-1]] = value
    return document


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


def _first(document: Any) -> Document:
    """The document, or the first one of a list."""
    return cast("list[Any]", document)[0] if isinstance(document, list) else document


def _named(template: str, document: Document) -> str | None:
    """A template with the document's fields in place of `<name>`; None where one is not there."""
    if not all(name in document for name in _FIELD.findall(template)):
        return None
    return _FIELD.sub(lambda found: str(document[found[1]]), template)


_file = msgspec.json.Decoder(SamplesFile).decode
_NOW = re.compile(r"\{now([+-]\d+)?\}")
_PLACE = re.compile(r"\{(time|uuid|hex|sha|short|token)(?::([\w:]+))?\}")
_FIELD = re.compile(r"<(\w+)>")
