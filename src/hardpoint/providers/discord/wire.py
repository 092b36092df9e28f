"""Discord's objects as they stand on the wire: what we read of them, and nothing else."""

from collections.abc import Iterator
from typing import Any, cast

import msgspec

from hardpoint.http.errors import Problem
from hardpoint.http.messages import Response

_ERRORS = "_errors"
_DEPTH_MAX = 10


class Refusal(msgspec.Struct):
    """Why Discord refuses; `errors` says which fields are wrong, each below its path."""

    code: int | None = None
    message: str = ""
    errors: dict[str, Any] = {}

    def problem(self, reply: Response) -> Problem:
        """As our table knows it: the first of the fields."""
        path, said = next(_faults(self.errors, ()), ((), ""))
        return Problem(
            status=reply.status,
            code=None if self.code in {None, 0} else str(self.code),
            message=f"{self.message} {'.'.join(path)}: {said}" if said else self.message,
            field=".".join(path) or None,
        )


class Message(msgspec.Struct):
    """A message that was posted."""

    id: str
    channel_id: str


def _faults(errors: Any, path: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], str]]:
    """Every path with what is wrong there."""
    if not isinstance(errors, dict) or len(path) > _DEPTH_MAX:
        return
    for name, inner in cast("dict[str, Any]", errors).items():
        if name != _ERRORS:
            yield from _faults(inner, (*path, name))
            continue
        for one in cast("list[Any]", inner) if isinstance(inner, list) else ():
            said = cast("dict[str, Any]", one).get("message") if isinstance(one, dict) else None
            yield path, str(said or "is wrong")
