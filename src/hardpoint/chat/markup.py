"""The one small markup of chat messages: values, not a syntax, so that no text can become markup.

    ["Paid by ", bold(customer), ": ", link("look", url), quote(reason), bullets("a", "b")]

A plain string is always shown as it stands, whoever wrote it. Only what these functions make is
more than text; each vendor's adapter writes it in the vendor's own way.
"""

from collections.abc import Iterable, Iterator, Sequence
from typing import TypeAlias, cast
from urllib.parse import urlsplit

import msgspec

from hardpoint.core.arguments import expect
from hardpoint.core.errors import InvalidRequestError

URL_CHARACTERS_MAX = 2000
PARTS_MAX = 500
"""Of one message, those in lists and quotes counted too."""

_WANTED = 'text, or a list such as ["Paid by ", bold("Ann")]'
_CONTROLS = frozenset(map(chr, [*range(32), *range(127, 160)])) - {"\n", "\t"}
_NAME_CHARACTERS_MAX = 100


class Span(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """A text in one style. `code` goes with no other style; with a line break it is a block."""

    text: str
    bold: bool = False
    italic: bool = False
    code: bool = False


class Hyperlink(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """A text that leads to an http or https address."""

    text: str
    url: str
    bold: bool = False
    italic: bool = False


class Mention(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """A person by the vendor's id; without `notify=True` it is `@name`, and tells nobody."""

    user: str
    name: str


Inline: TypeAlias = Span | Hyperlink | Mention
"""What stands in a line."""


class Quote(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """Lines that are somebody else's."""

    parts: tuple[Inline, ...]


class Bullets(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """A list; each item is one line."""

    items: tuple[tuple[Inline, ...], ...]


ChatText: TypeAlias = tuple[Inline | Quote | Bullets, ...]
"""A message's text as drivers get it."""
LineWriting: TypeAlias = "str | Inline | Sequence[str | Inline]"
"""What a caller may put in a line."""
ChatWriting: TypeAlias = "str | Inline | Quote | Bullets | Sequence[str | Inline | Quote | Bullets]"
"""What a caller may write a message as."""


def bold(part: str | Span | Hyperlink) -> Span | Hyperlink:
    """In bold."""
    return msgspec.structs.replace(_styled(part), bold=True)


def italic(part: str | Span | Hyperlink) -> Span | Hyperlink:
    """In italics."""
    return msgspec.structs.replace(_styled(part), italic=True)


def code(text: str) -> Span:
    """As code, in the line; a block of its own where it has several lines."""
    return Span(text=text, code=True)


def link(text: str, url: str) -> Hyperlink:
    """A link. An address in plain text stays text."""
    return Hyperlink(text=text, url=url)


def mention(user: str, name: str) -> Mention:
    """A person.

    Args:
        user: the vendor's id of them.
        name: what is shown where they are not to be notified.
    """
    return Mention(user=user, name=name)


def quote(*parts: str | Inline) -> Quote:
    """A quotation."""
    return Quote(parts=_inline(parts, "text"))


def bullets(*items: LineWriting) -> Bullets:
    """A list of items in a line each."""
    return Bullets(items=tuple([_inline(_several(one), "text") for one in items]))


def checked_text(text: ChatWriting, *, field: str = "text") -> ChatText:
    """A message's text: every part of a known kind, printable, and links that lead to the web.

    Raises:
        InvalidRequestError: names `field`; nothing was sent.
    """
    parts: list[Inline | Quote | Bullets] = []
    for one in _several(text):
        if isinstance(one, Quote | Bullets):
            parts.append(one)
        else:
            parts += _inline([one], field)
    within = list(inner(parts))
    if len(within) > PARTS_MAX:
        raise InvalidRequestError(f"has more than {PARTS_MAX} parts", field=field)
    for one in within:
        _check(one, field)
    if not plain(tuple(parts)).strip():
        raise InvalidRequestError("is empty", field=field)
    return tuple(parts)


def plain(text: ChatText) -> str:
    """The same without any markup, for notifications and for counting."""
    shown = ""
    for one in text:
        if isinstance(one, Quote | Bullets):
            lines = [_line(one.parts)] if isinstance(one, Quote) else _listed(one)
            begun = shown and not shown.endswith("\n")
            shown += "".join(["\n" if begun else "", *(f"{line}\n" for line in lines)])
        else:
            shown += _line((one,))
    return shown.removesuffix("\n") if text and isinstance(text[-1], Quote | Bullets) else shown


def inner(parts: Iterable[Inline | Quote | Bullets]) -> Iterator[Inline]:
    """Everything in its lines, lists and quotes, in order."""
    for one in parts:
        match one:
            case Quote():
                yield from one.parts
            case Bullets():
                for item in one.items:
                    yield from item
            case _:
                yield one


def _line(parts: Iterable[Inline]) -> str:
    return "".join([f"@{one.name}" if isinstance(one, Mention) else one.text for one in parts])


def _listed(bullets: Bullets) -> list[str]:
    return [f"- {_line(item)}" for item in bullets.items]


def _styled(part: str | Span | Hyperlink) -> Span | Hyperlink:
    if isinstance(part, str):
        return Span(text=part)
    expect(part, (Span, Hyperlink), "text", "text, or what bold, italic or link has made")
    if isinstance(part, Span) and part.code:
        raise InvalidRequestError("is code, which has no other style", field="text")
    return part


def _several(text: ChatWriting) -> Sequence[str | Inline | Quote | Bullets]:
    if isinstance(text, str | Span | Hyperlink | Mention | Quote | Bullets):
        return (text,)
    expect(text, Sequence, "text", _WANTED)
    return text


def _inline(parts: Iterable[object], field: str) -> tuple[Inline, ...]:
    made: list[Inline] = []
    for one in parts:
        expect(one, (str, Span, Hyperlink, Mention), field, _WANTED)
        if isinstance(one, str):
            made += [Span(text=one)] if one else []
        else:
            made.append(cast("Inline", one))
    return tuple(made)


def _check(part: Inline, field: str) -> None:
    texts = (part.name,) if isinstance(part, Mention) else (part.text,)
    for text in texts:
        expect(text, str, field, "text")
        if not _CONTROLS.isdisjoint(text) or any("\ud800" <= one <= "\udfff" for one in text):
            raise InvalidRequestError("holds a character that cannot be shown", field=field)
    if isinstance(part, Hyperlink):
        expect(part.url, str, field, "the address as text")
        if not part.text.strip() or "\n" in part.text:
            raise InvalidRequestError("holds a link without a text in one line", field=field)
        if not _on_the_web(part.url):
            raise InvalidRequestError("holds a link that is no http or https address", field=field)
    elif isinstance(part, Mention):
        expect(part.user, str, field, "the person's id as text")
        plausible = part.user.isascii() and part.user.replace("-", "").replace("_", "").isalnum()
        if not plausible or len(part.user) > _NAME_CHARACTERS_MAX:
            raise InvalidRequestError("mentions what is nobody's id", field=field)
        if not 0 < len(part.name.strip()) <= _NAME_CHARACTERS_MAX or "\n" in part.name:
            raise InvalidRequestError("mentions somebody without a name", field=field)


def _on_the_web(url: str) -> bool:
    if len(url) > URL_CHARACTERS_MAX or not (url.isascii() and url.isprintable()) or " " in url:
        return False
    try:
        parts = urlsplit(url)
        _ = parts.port
    except ValueError:
        return False
    return parts.scheme in {"http", "https"} and bool(parts.hostname) and "@" not in parts.netloc
