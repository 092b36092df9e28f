"""Requests that reach the server, second by second: as text and as a picture."""

from collections.abc import Sequence

from bench.simulate.world import History, World

# Text

COLUMNS = 60
ROWS = 8


def as_text(histories: Sequence[History], world: World) -> str:
    """A curve below the other, all by one scale; dots mark what the server can work off."""
    scale = max(max(_means(history.requests)) for history in histories)
    return "\n\n".join(_curve(history, world, scale) for history in histories)


def _curve(history: History, world: World, scale: float) -> str:
    means = _means(history.requests)
    capacity = max(1, round(world.capacity / scale * ROWS))
    lines = [f"{history.strategy}: requests per second"]
    for level in range(ROWS, 0, -1):
        empty = "." if level == capacity else " "
        cells = "".join(_cell(mean / scale * ROWS - level, empty) for mean in means)
        label = f"{scale:.0f}" if level == ROWS else ""
        lines.append(f"{label:>5} |{cells}".rstrip())
    marks = [" "] * len(means)
    for second, mark in ((world.fails, "x"), (world.back, "o")):
        marks[int(second / world.end * len(means))] = mark
    lines.append(f"{0:>5} +{'-' * len(means)}")
    lines.append(f"{'':7}{''.join(marks)}  x hangs, o is back; {world.end:g} s")
    return "\n".join(lines)


def _cell(above: float, empty: str) -> str:
    """A full cell, one that is more than half full, or an empty one."""
    return "#" if above >= 0 else ":" if above >= -0.5 else empty


def _means(values: Sequence[int]) -> list[float]:
    """As many as there are columns, at most."""
    width = -(-len(values) // COLUMNS)
    parts = [values[start : start + width] for start in range(0, len(values), width)]
    return [sum(part) / len(part) for part in parts]


# Picture

_WIDTH, _HEIGHT, _LEFT, _TOP, _RIGHT, _BOTTOM = 720, 320, 48, 12, 8, 52
_COLOURS = ("#7f7f7f", "#d62728", "#ff9d2e", "#1f77b4")


def as_svg(histories: Sequence[History], world: World) -> str:
    """All curves in one picture; the outage is grey, the server's capacity a broken line."""
    peak = max(max(history.requests) for history in histories)
    right, bottom = _WIDTH - _RIGHT, _HEIGHT - _BOTTOM

    def x(second: float) -> float:
        return _LEFT + second / world.end * (right - _LEFT)

    def y(value: float) -> float:
        return bottom - value / peak * (bottom - _TOP)

    full = y(world.capacity)
    start, end = x(world.fails), x(world.back)
    elements = [
        _tag("rect", width=_WIDTH, height=_HEIGHT, fill="#ffffff"),
        _tag("rect", x=start, y=_TOP, width=end - start, height=bottom - _TOP, fill="#eeeeee"),
        _tag("line", x1=_LEFT, x2=right, y1=full, y2=full, stroke="#000", dash="4 3"),
        _text(f"{world.capacity:g}", _LEFT - 6, full + 4, anchor="end"),
        _text(f"{peak}/s", _LEFT - 6, _TOP + 10, anchor="end"),
        _text("0 s", _LEFT, bottom + 18),
        _text(f"{world.end:g} s", right, bottom + 18, anchor="end"),
    ]
    for number, history in enumerate(histories):
        colour = _COLOURS[number % len(_COLOURS)]
        points = " ".join(f"{x(at + 0.5):.1f},{y(v):.1f}" for at, v in enumerate(history.requests))
        elements.append(_tag("polyline", points=points, fill="none", stroke=colour))
        elements.append(_text(history.strategy, _LEFT + 160 * number, _HEIGHT - 10, fill=colour))
    view = f'viewBox="0 0 {_WIDTH} {_HEIGHT}" font-family="sans-serif" font-size="12"'
    return "\n".join([f'<svg xmlns="http://www.w3.org/2000/svg" {view}>', *elements, "</svg>", ""])


def _tag(name: str, *, dash: str | None = None, **attributes: float | str) -> str:
    given = [f'{key}="{_short(value)}"' for key, value in attributes.items()]
    if dash is not None:
        given.append(f'stroke-dasharray="{dash}"')
    return f"<{name} {' '.join(given)}/>"


def _text(text: str, x: float, y: float, *, anchor: str = "start", fill: str = "#000000") -> str:
    place = f'x="{_short(x)}" y="{_short(y)}" text-anchor="{anchor}" fill="{fill}"'
    return f"<text {place}>{text}</text>"


def _short(value: float | str) -> str:
    return value if isinstance(value, str) else f"{value:.1f}"
