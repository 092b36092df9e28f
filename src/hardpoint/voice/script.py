"""What a call does, as values: no markup, and so nothing that a text could break out of.

    [
        Gather((Say("For German, press 1."),), digits=1),
        Say("We have heard nothing. Goodbye."),
    ]

The provider's driver writes its markup of them. A script runs from its first verb to its last, then
the call ends; where a `Gather` has got something, or after a `Redirect`, the provider asks for the
next one.
"""

import re
from collections.abc import Sequence
from typing import Final, TypeAlias, cast

import msgspec

from hardpoint.calls.numbers import checked_number
from hardpoint.core.arguments import TEXT, expect, is_fetchable, is_sendable
from hardpoint.core.errors import InvalidRequestError

VERBS_MAX: Final = 50
TEXT_CHARACTERS_MAX: Final = 4096

_LANGUAGE: Final = re.compile(r"[A-Za-z]{2,3}(?:-[A-Za-z0-9]{2,8}){0,3}", re.ASCII)
_VOICE: Final = re.compile(r"[A-Za-z0-9 ._-]{1,64}", re.ASCII)
_KEY: Final = re.compile(r"[0-9*#]?", re.ASCII)


class Say(msgspec.Struct, frozen=True):
    """Reads a text out."""

    text: str
    language: str | None = msgspec.field(default=None)
    """`de-DE`; else the provider's own."""
    voice: str | None = None
    """As the provider calls it."""


class Play(msgspec.Struct, frozen=True):
    """Plays what is at an https URL."""

    url: str
    times: int = 1


class Pause(msgspec.Struct, frozen=True):
    """Says nothing for some seconds."""

    seconds: int = 1


class Gather(msgspec.Struct, frozen=True):
    """Waits for keys or speech, while it says or plays something; then asks for the next script.

    Attributes:
        prompt: what is said meanwhile: `Say`, `Play` and `Pause`.
        digits: how many keys at most; None until `finish_on` or the time is up.
        seconds: of silence after which it ends.
        finish_on: the key that ends it; empty for none.
        speech: takes what is said, too.
        language: of the speech.
        url: where the provider asks next; else where it asked for this script.
        always: ask also where nothing came; else the next verb follows.
    """

    prompt: "tuple[Say | Play | Pause, ...]" = ()
    digits: int | None = None
    seconds: int = 5
    finish_on: str = "#"
    speech: bool = False
    language: str | None = None
    url: str | None = None
    always: bool = False


class Record(msgspec.Struct, frozen=True):
    """Records what is said, then asks for the next script; see `CallAsked.recording_url`."""

    seconds: int = 120
    finish_on: str = "#"
    beep: bool = True
    url: str | None = None


class Dial(msgspec.Struct, frozen=True):
    """Connects the call with a number; the next verb follows when that has ended."""

    number: str
    seconds: int = 30
    """How long it rings."""
    caller_id: str | None = None


class Redirect(msgspec.Struct, frozen=True):
    """The provider asks for the next script at this URL; the last verb of its script."""

    url: str


Verb: TypeAlias = Say | Play | Gather | Record | Dial | Pause | Redirect
Script: TypeAlias = tuple[Verb, ...]


def checked_script(script: Sequence[Verb], *, field: str = "script") -> Script:
    """The script, its numbers in E.164.

    Raises:
        InvalidRequestError: a verb is none, or something of it cannot be done; it names the place.
    """
    expect(script, (list, tuple), field, "a list of Say, Play, Gather, ...")
    if not 0 < len(script) <= VERBS_MAX:
        raise InvalidRequestError(f"has not 1 to {VERBS_MAX} verbs", field=field)
    checked = tuple(_checked(verb, f"{field}[{at}]") for at, verb in enumerate(script))
    if any(isinstance(verb, Redirect) for verb in checked[:-1]):
        raise InvalidRequestError("goes on after a Redirect, where nobody gets", field=field)
    return checked


def _checked(verb: Verb, at: str) -> Verb:
    match verb:
        case Say():
            return _said(verb, at)
        case Play():
            _https(verb.url, f"{at}.url")
            _whole(verb.times, f"{at}.times", 1, 100)
        case Pause():
            _whole(verb.seconds, f"{at}.seconds", 1, 600)
        case Gather():
            return _gathered(verb, at)
        case Record():
            _whole(verb.seconds, f"{at}.seconds", 1, 3600)
            _key(verb.finish_on, f"{at}.finish_on")
            _truth(verb.beep, f"{at}.beep")
            _next(verb.url, f"{at}.url")
        case Dial():
            return _dialled(verb, at)
        case Redirect():
            _https(verb.url, f"{at}.url")
        case _:  # pyright: ignore[reportUnnecessaryComparison] - callers may err
            kind = type(cast(object, verb)).__name__
            raise InvalidRequestError(f"is no verb, but {kind}", field=at)
    return verb


def _said(verb: Say, at: str) -> Say:
    expect(verb.text, str, f"{at}.text", TEXT)
    if not verb.text.strip() or len(verb.text) > TEXT_CHARACTERS_MAX:
        wanted = f"has not 1 to {TEXT_CHARACTERS_MAX} characters"
        raise InvalidRequestError(wanted, field=f"{at}.text")
    if not is_sendable(verb.text) or "\f" in verb.text or {"\ufffe", "\uffff"} & set(verb.text):
        raise InvalidRequestError("holds a character that cannot be said", field=f"{at}.text")
    _language(verb.language, f"{at}.language")
    if verb.voice is not None:
        expect(verb.voice, str, f"{at}.voice", TEXT)
        if not _VOICE.fullmatch(verb.voice):
            raise InvalidRequestError("is no name of a voice", field=f"{at}.voice")
    return verb


def _gathered(verb: Gather, at: str) -> Gather:
    expect(verb.prompt, (list, tuple), f"{at}.prompt", "a list of Say, Play and Pause")
    for number, one in enumerate(verb.prompt):
        place = f"{at}.prompt[{number}]"
        if not isinstance(one, Say | Play | Pause):  # pyright: ignore[reportUnnecessaryIsInstance] - callers may err
            raise InvalidRequestError("is no Say, Play or Pause", field=place)
        _checked(one, place)
    if verb.digits is not None:
        _whole(verb.digits, f"{at}.digits", 1, 100)
    _whole(verb.seconds, f"{at}.seconds", 1, 600)
    _key(verb.finish_on, f"{at}.finish_on")
    _truth(verb.speech, f"{at}.speech")
    _truth(verb.always, f"{at}.always")
    _language(verb.language, f"{at}.language")
    _next(verb.url, f"{at}.url")
    return msgspec.structs.replace(verb, prompt=tuple(verb.prompt))


def _dialled(verb: Dial, at: str) -> Dial:
    _whole(verb.seconds, f"{at}.seconds", 5, 600)
    number = checked_number(verb.number, field=f"{at}.number")
    caller = verb.caller_id
    if caller is not None:
        caller = checked_number(caller, field=f"{at}.caller_id")
    return msgspec.structs.replace(verb, number=number, caller_id=caller)


def _https(url: str, field: str) -> None:
    expect(url, str, field, TEXT)
    if not is_fetchable(url):
        raise InvalidRequestError("is not an https URL", field=field)


def _next(url: str | None, field: str) -> None:
    if url is not None:
        _https(url, field)


def _whole(number: int, field: str, least: int, most: int) -> None:
    if type(number) is not int or not least <= number <= most:
        raise InvalidRequestError(f"is not a whole number of {least} to {most}", field=field)


def _truth(value: bool, field: str) -> None:
    expect(value, bool, field, "True or False")


def _key(text: str, field: str) -> None:
    expect(text, str, field, TEXT)
    if not _KEY.fullmatch(text):
        raise InvalidRequestError("is not one key: 0 to 9, * or #", field=field)


def _language(text: str | None, field: str) -> None:
    if text is not None:
        expect(text, str, field, TEXT)
        if not _LANGUAGE.fullmatch(text):
            raise InvalidRequestError("is no language: de-DE", field=field)
