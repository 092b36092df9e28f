"""Discord's markdown as its clients read it, as far as our messages hold it; written apart from
what writes them."""

import re
from urllib.parse import unquote

SIGN = re.compile(r"\\([^0-9A-Za-z\s])")
CODE_BLOCK = re.compile(r"```\n(.*?)\n```\n?", re.DOTALL)
CODE = re.compile(r"`([^`]+)`")
LINK = re.compile(r"\[((?:\\.|[^\[\]\\])*)\]\(<([^<>]*)>\)", re.DOTALL)
MENTION = re.compile(r"<@!?(\d+)>")
OTHER = re.compile(r"<[#:at@/id][^>]*>|@everyone|@here|https?://|:\w+:|\|\||~~|__|_")
STRONG = re.compile(r"\*\*((?:\\.|[^\\])+?)\*\*(?!\*)", re.DOTALL)
EMPHASIS = re.compile(r"\*(?=\S)((?:\*\*|\\.|[^\\*])+?)\*(?!\*)", re.DOTALL)
AT_LINE_START = re.compile(r"[ ]*(?:>>>|>|[-*+] |#{1,3} |-# |\d+[.)] )")


class Read:
    """What a message shows.

    Attributes:
        text: without markup.
        styles: as `ChatSeen` has them.
        odd: markup that none of our messages is to hold.
    """

    def __init__(self, content):
        self.styles, self.links, self.people, self.odd = {}, [], [], []
        self.text = self.blocks(content)

    def mark(self, style, text):
        self.styles.setdefault(style, []).append(text)

    def blocks(self, content):
        """Line by line: quotes and lists; code in blocks goes before all."""
        shown, rest = "", content
        while rest:
            if found := CODE_BLOCK.match(rest):
                self.mark("code", found[1])
                shown, rest = shown + found[1] + "\n", rest[found.end() :]
            elif rest.startswith("> "):
                lines = []
                while rest.startswith("> "):
                    line, newline, rest = rest.partition("\n")
                    lines.append(line[2:])
                said = self.inline("\n".join(lines))
                self.mark("quote", said)
                shown += said + newline
            elif rest.startswith("- "):
                line, newline, rest = rest[2:].partition("\n")
                said = self.inline(line)
                self.mark("bullets", said)
                shown += f"- {said}{newline}"
            else:
                end = self.end_of_text(rest)
                shown, rest = shown + self.inline(rest[:end], block=True), rest[end:]
        return shown

    def end_of_text(self, rest):
        """Where the next block begins."""
        ends = [found.start() + 1 for found in re.finditer(r"\n(?=> |- |```\n)", rest)]
        return ends[0] if ends else len(rest)

    def inline(self, text, *, block=False):
        shown, at = "", 0
        while at < len(text):
            if block and (at == 0 or text[at - 1] == "\n") and AT_LINE_START.match(text, at):
                self.odd.append(text[at : at + 10])
            if found := SIGN.match(text, at):
                shown += found[1]
            elif found := CODE.match(text, at):
                self.mark("code", found[1])
                shown += found[1]
            elif found := LINK.match(text, at):
                said = self.inline(found[1])
                self.mark("link", said)
                self.links.append(unquote(found[2]))
                shown += said
            elif found := MENTION.match(text, at):
                self.people.append(found[1])
                shown += "@someone"
            elif found := STRONG.match(text, at):
                said = self.inline(found[1])
                self.mark("bold", said)
                shown += said
            elif found := EMPHASIS.match(text, at):
                said = self.inline(found[1])
                self.mark("italic", said)
                shown += said
            else:
                if found := OTHER.match(text, at):
                    self.odd.append(found[0])
                shown += text[at].replace("\u200b", "")
                at += 1
                continue
            at = found.end()
        return shown
