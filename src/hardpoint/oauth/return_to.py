r"""Where a person goes after signing in: a path of ours, or an origin that the operator lists.

Whatever a browser could take for another site is refused: `//evil`, `/\evil`, a tab that it drops,
a backslash that it turns, and all of these encoded once or twice.
"""

import re
from collections.abc import Collection
from urllib.parse import unquote, urlsplit

from hardpoint.core.errors import FlowError

CHARACTERS_MAX = 2000
_VISIBLE = re.compile(r"[!-\[\]-~]+", re.ASCII)  # no blanks, no controls, no backslash
_LEADING = re.compile(r"/(?![/\\])")


def checked_return(text: str, origins: Collection[str] = ()) -> str:
    """A place to return to, as it was given.

    Args:
        text: a path with its query, `/orders?page=2`, or the address of another of our sites.
        origins: those sites, `https://app.acme.example`.

    Raises:
        FlowError: it may lead elsewhere.
    """
    if len(text) > CHARACTERS_MAX or not _VISIBLE.fullmatch(text):
        raise _refused()
    path = text
    for origin in origins:
        if text == origin:
            return text
        if text.startswith(f"{origin}/"):
            path = text[len(origin) :]
    seen = path
    for _ in range(3):
        if not _LEADING.match(seen) or "\\" in seen or not seen.isprintable():
            raise _refused()
        if "://" in urlsplit(seen).path or _climbs(urlsplit(seen).path):
            raise _refused()
        seen = unquote(seen)
    return text


def _climbs(path: str) -> bool:
    """Whether it holds `.` or `..` steps, or empty ones, that lead to `//` when they are folded."""
    steps = path.split("/")[1:]
    return any(step in {".", ".."} for step in steps) or "" in steps[:-1]


def _refused() -> FlowError:
    return FlowError("return_to: is not a place of ours", reason="return_to")
