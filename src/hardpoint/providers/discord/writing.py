r"""A message's text as Discord's markdown: what is text is escaped, `\*`, so that it stays text.

https://docs.discord.com/developers/reference#message-formatting, read 2026-12-01. A backslash
before any sign of ASCII shows the sign itself. In code there are no escapes: code that holds the
sign that would end it is shown as text.
"""

import re
from collections.abc import Iterable, Iterator

from hardpoint.chat.markup import Bullets, ChatText, Hyperlink, Inline, Mention, Quote, Span, inner
from hardpoint.core.errors import InvalidRequestError
from hardpoint.providers.discord import SNOWFLAKE

_SIGNS = re.compile(r"[\\*_~`|\[\]<:@]")
_AT_LINE_START = re.compile(r"^(\s*)([->#+])|^(\s*\d*)([.)])", re.MULTILINE)
_APART = "\u200b"
_ENCODED = {"(": "%28", ")": "%29", "<": "%3C", ">": "%3E", "\\": "%5C"}
_FENCE = "```"
_PEOPLE_MAX = 100


def written(text: ChatText, *, notify: bool) -> str:
    """The content of a message."""
    shown = ""
    for one in text:
        if isinstance(one, Quote | Bullets):
            begun = shown and not shown.endswith("\n")
            shown += "\n" if begun else ""
            shown += "".join([f"{line}\n" for line in _lines(one, notify=notify)])
        elif isinstance(one, Span) and one.code and "\n" in one.text and _FENCE not in one.text:
            begun = shown and not shown.endswith("\n")
            shown += ("\n" if begun else "") + f"{_FENCE}\n{one.text}\n{_FENCE}\n"
        else:
            shown += _line((one,), notify=notify, before=shown)
    return shown.removesuffix("\n") if _ends_in_a_block(text) else shown


def notified(text: ChatText, *, notify: bool) -> list[str]:
    """The ids of those who are to be told."""
    people = [one.user for one in inner(text) if isinstance(one, Mention) and notify]
    unique = list(dict.fromkeys(people))
    if len(unique) > _PEOPLE_MAX:
        raise InvalidRequestError(f"mentions more than {_PEOPLE_MAX} people", field="text")
    return unique


def escaped(text: str) -> str:
    """A text that shows itself."""
    text = _SIGNS.sub(r"\\\g<0>", text)
    return _AT_LINE_START.sub(
        lambda found: f"{found[1] or found[3] or ''}\\{found[2] or found[4]}", text
    )


def _lines(block: Quote | Bullets, *, notify: bool) -> Iterator[str]:
    if isinstance(block, Quote):
        yield from [f"> {line}" for line in _line(block.parts, notify=notify).split("\n")]
    else:
        for item in block.items:
            yield f"- {_line(item, notify=notify)}".replace("\n", "\n  ")


def _line(parts: Iterable[Inline], *, notify: bool, before: str = "") -> str:
    shown = ""
    for one in parts:
        piece = _piece(one, notify=notify)
        # Two marks that meet would be read as one.
        apart = piece[:1] in {"*", "`"} and (before + shown)[-1:] == piece[:1]
        shown += (_APART if apart else "") + piece
    return shown


def _piece(part: Inline, *, notify: bool) -> str:
    match part:
        case Mention():
            if not notify:
                return escaped(f"@{part.name}")
            if not SNOWFLAKE.fullmatch(part.user):
                raise InvalidRequestError("mentions what is nobody's id", field="text")
            return f"<@{part.user}>"
        case Hyperlink():
            url = "".join([_ENCODED.get(one, one) for one in part.url])
            shown = f"[{escaped(part.text)}](<{url}>)"
        case Span(code=True):
            fits = part.text.strip() and "`" not in part.text and "\n" not in part.text
            return f"`{part.text}`" if fits else escaped(part.text)
        case _:
            shown = escaped(part.text)
    marks = "**" * part.bold + "*" * part.italic
    body = shown.strip()
    if not marks or not body:
        return shown
    start = shown.index(body)
    return f"{shown[:start]}{marks}{body}{marks}{shown[start + len(body) :]}"


def _ends_in_a_block(text: ChatText) -> bool:
    last = text[-1]
    if isinstance(last, Span):
        return last.code and "\n" in last.text and _FENCE not in last.text
    return isinstance(last, Quote | Bullets)
