"""The steps by which a request was verified, for people who want to see where it failed."""

from collections.abc import Sequence
from typing import Final

import msgspec

from hardpoint.webhooks.diagnosis import Diagnosis

_STEPS: Final = ("header", "signature", "time", "event")
_FAILED_AT: Final = {
    "missing_signature": "header",
    "malformed_request": "header",
    "stale_timestamp": "time",
    "malformed_body": "event",
}
"""Which step a reason belongs to; all others belong to the signature."""


class VerificationStep(msgspec.Struct, frozen=True, kw_only=True):
    """One step.

    Attributes:
        name: `header` (what has to be there is there, and formed as it should be), `signature`,
            `time` (it is recent), `event` (the body can be read).
        ok: None where it was not reached.
        detail: which secret matched, how old it is; may be empty.
    """

    name: str
    ok: bool | None
    detail: str = ""

    def __str__(self) -> str:
        word = {True: "ok", False: "failed", None: "not reached"}[self.ok]
        return f"{self.name} {word}" + (f" ({self.detail})" if self.detail else "")


def steps_of(diagnosis: Diagnosis) -> Sequence[VerificationStep]:
    """The steps of a diagnosis, in order; without the time where the scheme signs none."""
    sound = diagnosis.ok and diagnosis.reason != "malformed_body"
    failed = None if sound else _FAILED_AT.get(diagnosis.reason, "signature")
    age, key = diagnosis.details.get("age"), diagnosis.details.get("key")
    details = {
        "signature": "" if key is None else f"secrets[{key}]",
        "time": "" if age is None else f"{age:.0f} s old",
    }
    steps: list[VerificationStep] = []
    ok: bool | None = True
    for name in _STEPS:
        if name == "time" and age is None and failed != "time":
            continue  # nothing says that this scheme signs one
        ok = False if name == failed else ok
        detail = details.get(name, "") if ok else ""
        steps.append(VerificationStep(name=name, ok=ok, detail=detail))
        ok = None if name == failed else ok
    return steps
