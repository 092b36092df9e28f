"""Faults and chaos in words, for the command line and for tests in other languages.

status=503,times=2
commit_then_drop,on=POST /v1/payment_intents
latency=0.2,chance=0.1
duplicates=2,late=600,share=0.5            # chaos of webhooks
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from math import isfinite
from typing import Any, NoReturn, TypeVar

from hardpoint.core.errors import ConfigurationError
from hardpoint.fakes import faults
from hardpoint.fakes.emitter import Chaos
from hardpoint.fakes.faults import Fault, Faults

R = TypeVar("R")
_TIMES_MAX = 1_000_000


@dataclass(frozen=True, slots=True)
class Word:
    """A fault's word.

    Attributes:
        make: makes the fault; its docstring says what happens.
        value: what stands after `=`, in brackets where it may be left out; empty for nothing.
        read: makes the argument of it.
    """

    make: Callable[..., Fault]
    value: str = ""
    read: Callable[[str], Any] = str


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """A fault, and the requests that it happens to.

    Attributes:
        times: how many of them.
        on: which; a glob over method and path.
        chance: how likely, for one that happens now and then without end; `times` has no say then.
    """

    fault: Fault
    times: int = 1
    on: str = "*"
    chance: float | None = None

    def place(self, plan: Faults) -> None:
        """Let it happen."""
        if self.chance is None:
            plan.next(self.fault, times=self.times, on=self.on)
        else:
            plan.sometimes(self.chance, self.fault, on=self.on)


def fault_of(text: str) -> Order:
    """The fault that a text orders: `NAME[=VALUE][,times=N][,on=METHOD PATH][,chance=P]`.

    Raises:
        ConfigurationError: it orders none; says which part, and what to write.
    """
    first, *options = _parts(text)
    name, value = first
    word = WORDS.get(name)
    if word is None:
        _refuse(name, "is no fault", f"Known: {', '.join(WORDS)}")
    if value is None and word.value and not word.value.startswith("["):
        _refuse(name, "needs a value", f"Write {name}={word.value}")
    if value is not None and not word.value:
        _refuse(name, "takes no value", f"Write {name}")
    argument = () if value is None else (_read(name, value, word.read, word.value),)
    given = _options(options, _FAULT_OPTIONS)
    if "times" in given and "chance" in given:
        _refuse("times", "and chance exclude each other", "Keep one")
    return Order(fault=word.make(*argument), **given)


def chaos_of(text: str, *, seed: int = 0) -> Chaos:
    """The chaos that a text orders: `duplicates=2,shuffled`; none for an empty one.

    Raises:
        ConfigurationError: it orders none; says which part, and what to write.
    """
    return Chaos(seed=seed, **_options(_parts(text) if text else [], CHAOS_OPTIONS))


Option = tuple[str, Callable[[str], Any]]
"""What stands after `=`, empty for nothing, and what reads it."""


def _parts(text: str) -> list[tuple[str, str | None]]:
    split = [part.partition("=") for part in text.split(",")]
    return [(name.strip(), value.strip() if equals else None) for name, equals, value in split]


def _options(parts: list[tuple[str, str | None]], known: Mapping[str, Option]) -> dict[str, Any]:
    given: dict[str, Any] = {}
    for name, value in parts:
        if name not in known:
            _refuse(name, "is not known here", f"Known: {', '.join(known)}")
        if name in given:
            _refuse(name, "stands twice", "Keep one")
        form, read = known[name]
        if (value is None) is bool(form):
            _refuse(name, "needs a value" if form else "takes no value", _form(name, form))
        given[name] = True if value is None else _read(name, value, read, form)
    return given


def _read(name: str, text: str, read: Callable[[str], R], form: str) -> R:
    try:
        return read(text)
    except ValueError:
        _refuse(name, f"does not take {text!r}", _form(name, form))


def _form(name: str, form: str) -> str:
    return f"Write {name}={form.strip('[]')}" if form else f"Write {name}"


def _refuse(name: str, problem: str, fix: str) -> NoReturn:
    raise ConfigurationError(repr(name), problem, fix=fix)


def _seconds(text: str) -> float:
    seconds = float(text)
    if not (isfinite(seconds) and seconds >= 0):
        raise ValueError(text)
    return seconds


def _share(text: str) -> float:
    share = float(text)
    if not 0 <= share <= 1:
        raise ValueError(text)
    return share


def _between(least: int, most: int) -> Callable[[str], int]:
    def read(text: str) -> int:
        number = int(text)
        if not least <= number <= most:
            raise ValueError(text)
        return number

    return read


def _place(text: str) -> str:
    if text not in {"connect", "headers", "mid_body"}:
        raise ValueError(text)
    return text


def _header(text: str) -> str:
    if not (text and text.isascii() and text.isprintable()):
        raise ValueError(text)
    return text


WORDS: Mapping[str, Word] = {
    "latency": Word(faults.latency, "SECONDS", _seconds),
    "status": Word(faults.status, "CODE", _between(200, 599)),
    "rate_limit": Word(faults.rate_limit, "[RETRY_AFTER]", _header),
    "reset": Word(faults.reset, "connect|headers|mid_body", _place),
    "hang": Word(faults.hang),
    "truncate": Word(faults.truncate),
    "bad_json": Word(faults.bad_json),
    "html_500": Word(faults.html_500),
    "commit_then_drop": Word(faults.commit_then_drop),
}
"""Every fault by its word."""

_FAULT_OPTIONS: Mapping[str, Option] = {
    "times": ("N", _between(1, _TIMES_MAX)),
    "on": ("METHOD PATH", _header),
    "chance": ("P", _share),
}
CHAOS_OPTIONS: Mapping[str, Option] = {
    "duplicates": ("N", _between(1, 100)),
    "shuffled": ("", bool),
    "late": ("SECONDS", _seconds),
    "forged": ("", bool),
    "share": ("P", _share),
}
"""Every word of chaos."""
