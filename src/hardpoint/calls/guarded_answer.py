"""Answers with an error's status, under a policy: what each means, and what it is called."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final

from hardpoint.resilience.judgement import Classify
from hardpoint.resilience.recognition import Verdict, by_status
from hardpoint.resilience.repetition import Effect

BAD: Final = 400
"""From this status on."""
_SHOULD_RETRY: Final = "should-retry"
"""How the headers end by which some vendors' SDKs are told: `x-should-retry: false`."""
_WAIT_MS: Final = "retry-after-ms"


class BadAnswer(Exception):  # noqa: N818 - an answer, on its way through the policy
    """An answer with an error's status; it leaves the policy as the answer that it is.

    Attributes:
        response: as the client gives it.
        status: its HTTP status.
        headers: its headers.
        verdict: what it means.
    """

    def __init__(self, response: Any, status: int, headers: Mapping[str, str]) -> None:
        super().__init__(f"HTTP {status}")
        self.response = response
        self.status = status
        self.headers = headers
        self.verdict = _verdict(status, headers)


def classified(own: Classify | None) -> Classify:
    """What an answer means: first in the user's own words, who is shown the client's answer."""

    def classify(about: Any) -> Verdict | None:
        bad = type(about) is BadAnswer
        said = None if own is None else own(about.response if bad else about)
        return about.verdict if said is None and bad else said

    return classify


def name_of(error: BaseException | None) -> str | None:
    """What telemetry calls the end of an attempt or a call; None for a good one."""
    if error is None:
        return None
    if isinstance(error, BadAnswer):
        return status_name(error.status)
    return type(error).__name__ if isinstance(error, Exception) else "cancelled"


def status_name(status: int) -> str:
    """What it calls an answer with this status."""
    return f"http_{status}"


def _verdict(status: int, headers: Mapping[str, str]) -> Verdict:
    """What a bad answer means, by its status and what it says of a repetition."""
    verdict = by_status(status)
    for name in headers:
        lower = name.lower()
        if lower.endswith(_SHOULD_RETRY):
            said = str(headers[name]).strip().lower()
            if said == "false":
                verdict = replace(verdict, retry=False)
            elif said == "true":
                undone = verdict.effect is Effect.ANSWERED
                effect = Effect.NOTHING if undone else verdict.effect
                verdict = replace(verdict, effect=effect, retry=None)
        elif lower == _WAIT_MS:
            text = str(headers[name]).strip()
            if text.isascii() and text.isdecimal() and len(text) <= 12:
                verdict = replace(verdict, wait=int(text) / 1000)
    return verdict
