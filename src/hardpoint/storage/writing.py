"""Storing an object: at once, or in pieces, and never mistaking one's own work for another's.

A conditional write whose answer was lost, and that is repeated, meets the object that it has stored
itself. So each such write carries a mark among the metadata, made once per call; where the provider
says that there is an object already, the mark tells whose it is. A comparison of the bytes would
not do: two callers that claim a key with the same content must not both believe that they have it.
"""

from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import final

import msgspec

from hardpoint.calls.call import Calls
from hardpoint.core.effects import Ids
from hardpoint.core.errors import (
    AlreadyExistsError,
    HardpointError,
    InvalidRequestError,
    NotFoundError,
    PreconditionFailedError,
)
from hardpoint.core.outcome import Operation, Repeat
from hardpoint.storage.driver import StorageDriver
from hardpoint.storage.files import ContentSource
from hardpoint.storage.keys import MARK
from hardpoint.storage.types import NewObject, ObjectInfo

_PUT = Operation("put", Repeat.IDEMPOTENT)
_FINISH = Operation("finish_upload", Repeat.IDEMPOTENT)
# Nothing can be seen of an upload before it is finished, so a repeat of these does no harm.
_START = Operation("start_upload", Repeat.SAFE)
_PIECE = Operation("upload_piece", Repeat.SAFE)
_ABORT = Operation("abort_upload", Repeat.SAFE)

Progress = Callable[[int], None]
"""Told how many bytes have come so far; what it raises ends the transfer."""


def unheard(count: int) -> None:
    """Nobody wants to know."""


_Write = Callable[[NewObject], Awaitable[ObjectInfo]]


@final
class Writing:
    """Writes objects through one driver."""

    def __init__(self, driver: StorageDriver, calls: Calls, ids: Ids) -> None:
        self._driver = driver
        self._calls = calls
        self._ids = ids
        self._piece_bytes = driver.capabilities.limits["piece_bytes"]
        self._pieces = driver.capabilities.limits["pieces"]

    async def store(
        self, new: NewObject, source: ContentSource, progress: Progress = unheard
    ) -> ObjectInfo:
        """All that the source gives; in pieces where it fills one."""
        held = [await source.read(self._piece_bytes)]
        if len(held[0]) == self._piece_bytes:
            return await self._in_pieces(self._marked(new), source, held, progress)
        await source.check()
        conditional = new.if_absent or new.if_match is not None
        info = await self._write(
            _PUT,
            self._marked(new) if conditional else new,
            lambda marked: self._driver.put(marked, held[0]),
        )
        progress(len(held[0]))
        return info

    async def _in_pieces(
        self, new: NewObject, source: ContentSource, held: list[bytes], progress: Progress
    ) -> ObjectInfo:
        """The same, the first piece being held: no more than one is, by whatever name."""
        upload = await self._calls.run(_START, lambda: self._driver.start_upload(new))
        try:
            receipts: list[str] = []
            offset = 0
            while held[0]:
                receipts.append(await self._piece(new, upload, len(receipts) + 1, offset, held[0]))
                offset += len(held.pop())
                progress(offset)
                held.append(await source.read(self._piece_bytes))
            await source.check()
            return await self._write(
                _FINISH,
                new,
                lambda marked: self._driver.finish_upload(marked, upload, receipts, offset),
            )
        except GeneratorExit:  # nobody is there to wait for anything
            raise
        except BaseException:  # a caller who gives up leaves nothing behind either
            with suppress(HardpointError):
                await self._calls.run(_ABORT, lambda: self._driver.abort_upload(new, upload))
            raise

    async def _piece(
        self, new: NewObject, upload: str, number: int, offset: int, data: bytes
    ) -> str:
        if number > self._pieces:
            most = self._pieces * self._piece_bytes
            raise InvalidRequestError(f"has more than {most} bytes", field="source")
        return await self._calls.run(
            _PIECE, lambda: self._driver.upload_piece(new, upload, number, offset, data)
        )

    async def _write(self, operation: Operation, new: NewObject, write: _Write) -> ObjectInfo:
        """Write it; a refusal over what this very call has written is none."""

        async def attempt() -> ObjectInfo:
            try:
                return await write(new)
            except (AlreadyExistsError, PreconditionFailedError, NotFoundError):
                ours = await self._written(new)
                if ours is None:
                    raise
                return ours

        return await self._calls.run(operation, attempt)

    async def _written(self, new: NewObject) -> ObjectInfo | None:
        """What this call has stored, if it has."""
        mark = new.metadata.get(MARK)
        if mark is None:
            return None
        try:
            info = await self._driver.head(new.key)
        except NotFoundError:
            return None
        return info if info.metadata.get(MARK) == mark else None

    def _marked(self, new: NewObject) -> NewObject:
        return msgspec.structs.replace(new, metadata={**new.metadata, MARK: self._ids()})
