"""A driver of calls under test, and what it must refuse before any request is sent."""

from collections.abc import Callable, Sequence
from typing import Any

import pytest

from hardpoint.sync.voice import VoiceCaller as BlockingCaller
from hardpoint.testing.conformance.modes import Mode
from hardpoint.testing.conformance.refusals import (
    PortRefusals,
    PortSubject,
    PortVerb,
    refused,
    unsupported,
)
from hardpoint.voice.api import VoiceCaller
from hardpoint.voice.driver import VoiceCapability, VoiceDriver
from hardpoint.voice.script import Dial, Gather, Pause, Play, Record, Redirect, Say
from hardpoint.voice.types import CallStatus

TO = "+4917012345678"
URL = "https://shop.example/script?step=1&x=2"
_HELLO = Say("Hello")


def _call(**options: Any) -> PortVerb:
    asked = {"to": TO, "script": [_HELLO]} | options
    return lambda port: port.call(**asked)


def _script(*verbs: Any) -> PortVerb:
    return _call(script=list(verbs))


_REFUSED: dict[VoiceCapability, PortVerb] = {
    VoiceCapability.SPEECH: _script(Gather(speech=True)),
    VoiceCapability.RECORD: _script(Record()),
}
_BAD: list[tuple[str, PortVerb]] = [
    *(("to", _call(to=to)) for to in ("", "017012345678", "+1555", "whatsapp:+4917012345678", 7)),
    *(("from_", _call(from_=from_)) for from_ in ("", "Shop", "12345")),
    ("script", _call(script=None)),
    ("script", _call(url=URL)),
    ("script", _call(script=[])),
    ("script", _call(script=_HELLO)),
    ("script", _script(*[_HELLO] * 51)),
    ("script", _script(Redirect(URL), _HELLO)),
    ("script", _script(*[Say("x" * 4096)] * 2)),
    *(("url", _call(script=None, url=url)) for url in ("", "http://shop.example/a", "a b")),
    *(("ring_seconds", _call(ring_seconds=seconds)) for seconds in (4, 100_000, 5.0, True)),
    ("script[0]", _script("Hello")),
    ("script[1].text", _script(_HELLO, Say(""))),
    *(
        ("script[0].text", _script(Say(text)))
        for text in (" ", "x" * 4097, "a\0", "a\x0bb", "a\fb", "\ud800", "\ufffe", "\uffff")
    ),
    ("script[0].language", _script(Say("a", language="German"))),
    ("script[0].voice", _script(Say("a", voice='alice"'))),
    ("script[0].url", _script(Play("http://shop.example/a.mp3"))),
    ("script[0].times", _script(Play(URL, times=0))),
    ("script[0].seconds", _script(Pause(0))),
    ("script[0].prompt", _script(Gather(_HELLO))),  # pyright: ignore[reportArgumentType]
    ("script[0].prompt[0]", _script(Gather((Redirect(URL),)))),  # pyright: ignore[reportArgumentType]
    ("script[0].prompt[0].text", _script(Gather((Say(""),)))),
    ("script[0].digits", _script(Gather(digits=0))),
    ("script[0].seconds", _script(Gather(seconds=601))),
    ("script[0].finish_on", _script(Gather(finish_on="##"))),
    ("script[0].language", _script(Gather(language="no language"))),
    ("script[0].url", _script(Gather(url="shop.example"))),
    ("script[0].always", _script(Gather(always=1))),  # pyright: ignore[reportArgumentType]
    ("script[0].number", _script(Dial("017012345678"))),
    ("script[0].seconds", _script(Dial(TO, seconds=1))),
    ("script[0].caller_id", _script(Dial(TO, caller_id="Shop"))),
    ("script[0].url", _script(Redirect("http://shop.example/a"))),
    ("idempotency_key", _call(idempotency_key="")),
    ("call_id", lambda port: port.get_call("CA1")),
    ("call_id", lambda port: port.hangup("calls:../Messages")),
]


class VoiceSubject(PortSubject):
    """A driver under test, and the strings its provider hangs on.

    Args:
        mode: how it is used; closed with the subject.
        driver: on a transport of that mode, with a number of its own.
        requests: how many requests reached the provider.
        uncallable: a number that passes our checks and not the provider's.
        proceed: a call, by the provider's id, goes through these statuses.
        events: the webhook bodies since the last call, in order.
    """

    def __init__(
        self,
        mode: Mode,
        driver: VoiceDriver,
        *,
        requests: Callable[[], int],
        uncallable: str,
        proceed: Callable[[str, Sequence[CallStatus]], None],
        events: Callable[[], Sequence[bytes]],
    ) -> None:
        super().__init__(mode, driver, VoiceCaller, BlockingCaller, name="calls", requests=requests)
        self.uncallable = uncallable
        self.proceed = proceed
        self.events = events

    def call(self, *script: Any, **options: Any) -> Any:
        """A call to somebody who takes it."""
        return self.do(self.port.call(to=TO, script=list(script or [_HELLO]), **options))


class VoiceRefusals(PortRefusals):
    """What is refused before any request. A subclass gives the fixture `subject`."""

    @pytest.mark.parametrize("capability", list(VoiceCapability))
    def test_what_is_not_declared_is_refused_before_any_request(
        self, subject: VoiceSubject, capability: VoiceCapability
    ) -> None:
        unsupported(subject, capability, _REFUSED[capability])

    @pytest.mark.parametrize(("field", "call"), _BAD)
    def test_bad_input_is_refused_before_any_request(
        self, subject: VoiceSubject, field: str, call: PortVerb
    ) -> None:
        refused(subject, field, call)
