"""A message's text as an adaptive card, of runs in which no text can be markup.

https://adaptivecards.microsoft.com/?topic=RichTextBlock, by published excerpts, 2026-12-01. A
`TextBlock` takes its text for Markdown. A `RichTextBlock` shows each run as it stands.
"""

from collections.abc import Iterable, Iterator
from typing import Any

from hardpoint.chat.markup import Bullets, ChatText, Hyperlink, Inline, Mention, Quote, Span

_MARK = "\u2022 "
"""Before an item of a list."""


def card(text: ChatText) -> dict[str, Any]:
    """The card of a message."""
    body: list[dict[str, Any]] = []
    line: list[Inline] = []
    for one in text:
        if isinstance(one, Quote | Bullets) or (
            isinstance(one, Span) and one.code and "\n" in one.text
        ):
            body += _lines(line)
            line = []
            body.append(_block(one))
        else:
            line.append(one)
    body += _lines(line)
    return {
        "$schema": "http://adaptivecards.io/schemas/adaptive-card.json",
        "type": "AdaptiveCard",
        "version": "1.4",
        "msteams": {"width": "Full"},
        "body": body,
    }


def _block(one: Quote | Bullets | Span) -> dict[str, Any]:
    if isinstance(one, Span):
        code = [Span(text=line or " ", code=True) for line in one.text.split("\n")]
        items = [_runs([line]) for line in code]
        return {"type": "Container", "style": "default", "items": items}
    if isinstance(one, Quote):
        items = list(_lines(one.parts))
        return {"type": "Container", "style": "emphasis", "items": items}
    items = [_runs([Span(text=_MARK), *item]) for item in one.items]
    return {"type": "Container", "spacing": "Small", "items": items}


def _lines(parts: Iterable[Inline]) -> Iterator[dict[str, Any]]:
    """A block for each line."""
    line: list[Inline] = []
    for one in parts:
        if isinstance(one, Span) and "\n" in one.text:
            first, *others = one.text.split("\n")
            line.append(_same(one, first))
            for other in others:
                yield _runs(line)
                line = [_same(one, other)]
        else:
            line.append(one)
    if line:
        yield _runs(line)


def _same(one: Span, text: str) -> Span:
    return Span(text=text, bold=one.bold, italic=one.italic, code=one.code)


def _runs(parts: Iterable[Inline]) -> dict[str, Any]:
    inlines = [_run(one) for one in parts if isinstance(one, Mention) or one.text]
    # A line without anything in it would have no height.
    return {"type": "RichTextBlock", "inlines": inlines or [{"type": "TextRun", "text": " "}]}


def _run(one: Inline) -> dict[str, Any]:
    if isinstance(one, Mention):
        return {"type": "TextRun", "text": f"@{one.name}"}
    run: dict[str, Any] = {"type": "TextRun", "text": one.text}
    if isinstance(one, Span) and one.code:
        return run | {"fontType": "Monospace"}
    if one.bold:
        run["weight"] = "Bolder"
    if one.italic:
        run["italic"] = True
    if isinstance(one, Hyperlink):
        run |= {"color": "Accent", "underline": True}
        run["selectAction"] = {"type": "Action.OpenUrl", "url": one.url}
    return run
