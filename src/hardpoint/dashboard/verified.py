"""Why an event was let in: each check that it has passed, one by one.

A request that fails one of them is never stored, so these are facts about every event: what its
source's scheme checks, and the times and lengths that were stored with it.
"""

from dataclasses import dataclass
from typing import Any, Final

from hardpoint.hub.hub import Hub
from hardpoint.store.views import EventView
from hardpoint.webhooks.verification import Coverage, Replay

_COVERS: Final[dict[Any, str]] = {
    Coverage.FULL_BODY: "it covers the whole body, byte by byte",
    Coverage.FIELDS: "it covers some fields of the body; the others are only asserted",
    Coverage.NONE: "it covers nothing of the body: it proves who sent it, not what",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """One step.

    Attributes:
        passed: None where this source has no such check.
    """

    title: str
    passed: bool | None
    detail: str


def verification(hub: Hub, view: EventView) -> list[Check]:
    """The steps of one event, in the order in which they were taken."""
    event = view.summary
    settings = hub.settings.webhooks.get(event.source)
    source = hub.receiver._sources[event.source]
    if settings is None:
        known = Check(
            title="Source",
            passed=None,
            detail=f"{event.source} was configured when it came, and is not any more",
        )
    else:
        known = Check(title="Source", passed=True, detail=f"{event.source}, of {settings.provider}")
    return [
        known,
        _signature(source.scheme, source.unsigned),
        _age(view, source.scheme),
        Check(title="Body", passed=not event.quarantine, detail=_body(view)),
        Check(
            title="First of its kind",
            passed=True,
            detail="no event was stored under its key before; repeats of it are acknowledged",
        ),
        Check(
            title="Durable",
            passed=True,
            detail="it was committed to the store before the vendor heard 2xx",
        ),
    ]


def _signature(scheme: Any, unsigned: str | None) -> Check:
    if unsigned:
        return Check(
            title="Signature", passed=None, detail=f"nobody signs it; taken from {unsigned}"
        )
    covers = _COVERS.get(getattr(scheme, "covers", Coverage.NONE), "")
    return Check(title="Signature", passed=True, detail=f"it matched; {covers}".rstrip("; "))


def _age(view: EventView, scheme: Any) -> Check:
    if view.signed_at is not None:
        age = view.summary.received_at - view.signed_at
        return Check(title="Time", passed=True, detail=f"signed {age:.1f} s before it came")
    window = getattr(scheme, "replay", None) is Replay.WINDOW
    detail = "inside the window that the vendor signs" if window else "this vendor signs no time"
    return Check(title="Time", passed=True if window else None, detail=detail)


def _body(view: EventView) -> str:
    if view.summary.quarantine:
        return f"quarantined: {view.summary.quarantine}"
    return f"{view.body_bytes} bytes, sha256 {view.body_sha256}"
