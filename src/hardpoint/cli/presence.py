"""Who shares the store right now: what `hardpoint doctor` says of processes."""

from collections.abc import Iterator
from pathlib import Path
from typing import Final, Literal

from hardpoint.cli.looking import holder_of
from hardpoint.cli.views import moment
from hardpoint.core.effects import Clock
from hardpoint.core.errors import StoreUnavailableError
from hardpoint.hub.stores import StoreSettings
from hardpoint.store.guests import Rank
from hardpoint.store.guests.requests import Presence, StoreMember
from hardpoint.store.opening import engine

ProcessVerdict = tuple[str, Literal["ok", "warn", "fail"], str, str | None]
"""Check, result, detail, and the next thing to type."""

RECENT_SECONDS: Final = 600.0
"""Who was turned away longer ago has found a way, or has gone."""
_KINDS: Final[dict[int, str]] = {
    Rank.FRONT: "hands over",
    Rank.SCRIPT: "without handlers",
    Rank.WORKER: "web worker",
    Rank.SERVER: "work or serve",
}
_STATES: Final = {
    "T": "it is stopped (SIGSTOP): kill -CONT {pid}",
    "D": "it waits for its disk",
    "Z": "it is dead, and its parent has not looked",
}


def processes(settings: StoreSettings, path: Path, clock: Clock) -> Iterator[ProcessVerdict]:
    """Each thing to know about the processes of a store in a file."""
    try:
        presence = engine(settings.url).shared.presence()
    except StoreUnavailableError as error:
        holder = holder_of(path)
        yield "server", "fail", f"{error}{_state(holder)}", None
        return
    if presence is not None:
        yield from _present(presence, clock.now())
        return
    holder = holder_of(path)
    if holder is None:
        yield "server", "warn", "none runs on this store", "hardpoint serve"
        return
    since = moment(Path(f"{path}.lock").stat().st_mtime)  # its number was written then
    detail = f"process {holder} has the store since {since}, and does not listen: others wait"
    yield "server", "warn", f"{detail}{_state(holder)}", f"stop process {holder}, or wait for it"


def _present(presence: Presence, now: float) -> Iterator[ProcessVerdict]:
    owner = presence.owner
    since = moment(owner.since)
    beside = f", {len(presence.guests)} connected" if presence.guests else ""
    detail = f"{_told(owner)}, has the store since {since}{beside}"
    if owner.rank < Rank.WORKER:
        yield "server", "warn", f"{detail}; it runs no handlers", "hardpoint work"
    else:
        yield "server", "ok", detail, None
    for one in presence.guests:
        detail = f"{_told(one)}, connected since {moment(one.since)}"
        other = one.release != owner.release
        yield f"process {one.pid}", "warn" if other else "ok", detail, None
    for one in presence.turned_away:
        if now - one.at < RECENT_SECONDS:
            yield f"process {one.pid}", "warn", f"waits: {one.reason}", "upgrade the older of them"


def _told(one: StoreMember) -> str:
    where = f", takes webhooks at {one.public}" if one.public else ""
    version = "an earlier release" if not one.release else f"hardpoint {one.release}"
    return f"process {one.pid} ({_KINDS.get(one.rank, '?')}), {version}{where}"


def _state(pid: int | None) -> str:
    """What the system says of a process, where that explains why it is silent."""
    try:
        status = Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2]
    except OSError:
        return ""
    said = _STATES.get(status[:1])
    return f"; {said.format(pid=pid)}" if said else ""
