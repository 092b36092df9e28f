"""A card as people see it: what its runs show, and how."""

from hardpoint.testing.conformance.chat_subject import ChatSeen

MARK = "\u2022 "


def seen(body):
    """The message that a card's body shows."""
    styles, links, lines = {}, [], []
    for element in body:
        if element["type"] == "Container":
            within = [_line(one, styles, links) for one in element["items"]]
            if element["style"] == "default":
                lines += within
                del styles["code"][-len(within) :]
                styles["code"].append("\n".join(within))
            elif element["style"] == "emphasis":
                lines += within
                styles.setdefault("quote", []).append("\n".join(within))
            else:
                assert all(one.startswith(MARK) for one in within)
                items = [one.removeprefix(MARK) for one in within]
                lines += [f"- {one}" for one in items]
                styles.setdefault("bullets", []).extend(items)
        else:
            lines.append(_line(element, styles, links))
    return ChatSeen(text="\n".join(lines), styles=styles, links=tuple(links))


def _line(block, styles, links):
    shown = ""
    for run in block["inlines"]:
        text = run["text"]
        shown += text
        for name, has in (
            ("bold", run["weight"]),
            ("italic", run["italic"]),
            ("code", run["fontType"]),
            ("link", run.get("url")),
        ):
            if has:
                styles.setdefault(name, []).append(text)
        if "url" in run:
            links.append(run["url"])
    return shown
