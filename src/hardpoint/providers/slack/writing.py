"""A message's text as Slack's blocks: a structure, in which no text can become markup.

https://docs.slack.dev/reference/block-kit/blocks/rich-text-block, read 2026-12-01.
"""

from collections.abc import Iterable
from typing import Any

from hardpoint.chat.markup import Bullets, ChatText, Hyperlink, Inline, Mention, Quote, Span, plain

_Element = dict[str, Any]
_ESCAPES = {"&": "&amp;", "<": "&lt;", ">": "&gt;"}


def written(text: ChatText, *, notify: bool) -> dict[str, Any]:
    """The fields of a message: its blocks, and its text for notifications."""
    return {"text": fallback(text), "blocks": blocks(text, notify=notify)}


def fallback(text: ChatText) -> str:
    """The text alone, with Slack's three special characters spelled out."""
    return "".join([_ESCAPES.get(one, one) for one in plain(text)])


def blocks(text: ChatText, *, notify: bool) -> list[_Element]:
    """One block of rich text."""
    found: list[_Element] = []
    section: list[_Element] = []
    for one in text:
        if isinstance(one, Span | Hyperlink | Mention) and not _block(one):
            if not section:
                found.append({"type": "rich_text_section", "elements": section})
            section.append(_element(one, notify=notify))
            continue
        section = []
        match one:
            case Quote():
                found.append(_group("rich_text_quote", one.parts, notify=notify))
            case Bullets():
                items = [_group("rich_text_section", item, notify=notify) for item in one.items]
                found.append({"type": "rich_text_list", "style": "bullet", "elements": items})
            case _:
                bare = [Span(text=part.text) for part in (one,) if isinstance(part, Span)]
                found.append(_group("rich_text_preformatted", bare, notify=notify))
    return [{"type": "rich_text", "elements": found}]


def _block(part: Inline) -> bool:
    """Whether it is code of several lines."""
    return isinstance(part, Span) and part.code and "\n" in part.text


def _group(kind: str, parts: Iterable[Inline], *, notify: bool) -> _Element:
    return {"type": kind, "elements": [_element(one, notify=notify) for one in parts]}


def _element(part: Inline, *, notify: bool) -> _Element:
    match part:
        case Mention():
            if notify:
                return {"type": "user", "user_id": part.user}
            return {"type": "text", "text": f"@{part.name}"}
        case Hyperlink():
            made = {"type": "link", "url": part.url, "text": part.text}
        case _:
            made = {"type": "text", "text": part.text}
    style = {name: True for name in ("bold", "italic", "code") if getattr(part, name, False)}
    return made | {"style": style} if style else made
