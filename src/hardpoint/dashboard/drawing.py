"""Pages from templates. What they show was written by others: it is text, and stays text.

Everything is escaped, by the templates themselves and without exception. Characters that act
instead of showing (controls, marks that turn the direction of writing, invisible ones) appear as
what they are: ⟨U+202E⟩.
"""

import hashlib
import re
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlencode

from hardpoint.core.errors import ConfigurationError

if TYPE_CHECKING:
    from jinja2 import Environment

NAV: Final = (
    ("/", "Overview"),
    ("/events", "Events"),
    ("/letters", "Dead letters"),
    ("/calls", "Calls"),
    ("/providers", "Providers"),
    ("/accounts", "Accounts"),
    ("/settings", "Settings"),
)
_HERE: Final = Path(__file__).parent
STATIC: Final = {
    "dashboard.css": "text/css; charset=utf-8",
    "dashboard.js": "text/javascript; charset=utf-8",
    "favicon.svg": "image/svg+xml",
    "htmx-4.0.1.min.js": "text/javascript; charset=utf-8",
    "hx-sse-4.0.1.min.js": "text/javascript; charset=utf-8",
    "uplot-1.6.32.min.css": "text/css; charset=utf-8",
    "uplot-1.6.32.min.js": "text/javascript; charset=utf-8",
}
"""The files that are served, and no others."""

NOTHING: Final = "\N{EN DASH}"
_ACTING: Final = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\xad\u0600-\u0605\u061c\u06dd\u070f\u0890-\u0891\u08e2\u180e"
    "\u200b-\u200f\u2028-\u202e\u2060-\u206f\ud800-\udfff\ufeff\ufff9-\ufffb"
    "\U000110bd\U000110cd\U00013430-\U0001343f\U0001bca0-\U0001bca3\U0001d173-\U0001d17a"
    "\U000e0001\U000e0020-\U000e007f]"
)


def visible(text: str) -> str:
    """A text whose every character can be seen; line feeds and tabs stay."""
    return _ACTING.sub(lambda found: f"⟨U+{ord(found[0]):04X}⟩", text)


def shown(value: Any) -> Any:
    """What a template prints: `finalize` of all of them."""
    if value is None:
        return ""
    return value if hasattr(value, "__html__") else visible(str(value))


def moment(seconds: float | None) -> str:
    """Unix seconds as a time in UTC, to be read."""
    if seconds is None:
        return NOTHING
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M:%S")


def machine_time(seconds: float) -> str:
    """The same for `<time datetime>`."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


_SPANS: Final = ((86_400.0, "d"), (3600.0, "h"), (60.0, "min"), (1.0, "s"))


def span(seconds: float | None) -> str:
    """A length of time in two figures: `45 h`, `1.5 s`, `12 ms`."""
    if seconds is None:
        return NOTHING
    for size, unit in _SPANS:
        if seconds >= size:
            figure = seconds / size
            return f"{figure:.0f} {unit}" if figure >= 10 else f"{figure:.1f} {unit}"
    return f"{seconds * 1000:.0f} ms"


def count(number: int) -> str:
    """A number with its thousands set apart by narrow blanks."""
    return f"{number:,}".replace(",", "\u202f")


def size(number: int) -> str:
    """Bytes as people say them."""
    if number < 1024:
        return f"{number} B"
    return f"{number / 1024:.1f} KiB" if number < 1024**2 else f"{number / 1024**2:.1f} MiB"


def query(**values: Any) -> str:
    """A query of what is not empty, with its question mark; nothing of nothing."""
    kept = {name: str(value) for name, value in values.items() if value not in {None, ""}}
    return f"?{urlencode(kept, errors='replace')}" if kept else ""


@cache
def static_file(name: str) -> tuple[bytes, str]:
    """A file's content and the beginning of its hash, which its address carries."""
    content = (_HERE / "static" / name).read_bytes()
    return content, hashlib.sha256(content).hexdigest()[:12]


def hash_of(name: str) -> str:
    """What a static file's address ends with: a browser keeps it until it changes."""
    return static_file(name)[1]


@cache
def templates() -> "Environment":
    """All templates.

    Raises:
        ConfigurationError: the extra is not installed.
    """
    try:
        from jinja2 import Environment, PackageLoader, StrictUndefined
    except ImportError:
        raise ConfigurationError(
            "dashboard", "its templates need jinja2", fix="pip install 'hardpoint[serve]'"
        ) from None
    made = Environment(
        loader=PackageLoader("hardpoint.dashboard"),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=shown,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters |= {
        "moment": moment,
        "machine_time": machine_time,
        "span": span,
        "count": count,
        "size": size,
    }
    shared: dict[str, Any] = made.globals
    shared |= {"query": query, "hash_of": hash_of, "nav": NAV}
    return made


def drawn(name: str, **values: Any) -> str:
    """A page."""
    return templates().get_template(name).render(**values)
