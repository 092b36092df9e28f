"""The effect that the folder's driver awaits, in two shells: in threads, and right here."""

from collections.abc import Callable
from functools import partial
from typing import ClassVar, Protocol, TypeVar, final

from hardpoint.providers.filesystem import Filesystem
from hardpoint.providers.filesystem.folder import Folder
from hardpoint.runtime.asynchronous import AsyncRuntime
from hardpoint.runtime.blocking import BlockingRuntime
from hardpoint.runtime.effects import Runtime

_Result = TypeVar("_Result")


class FolderCalls(Protocol):
    """Does work in a folder."""

    async def do(self, work: Callable[[Folder], _Result]) -> _Result:
        """What the work gives."""
        ...


class ThreadedCalls:
    """For event loops: each in a thread."""

    runtime: ClassVar[Runtime] = AsyncRuntime()

    def __init__(self, settings: Filesystem) -> None:
        self._folder = Folder(settings.path)

    async def do(self, work: Callable[[Folder], _Result]) -> _Result:
        """What the work gives."""
        return await self.runtime.work(partial(work, self._folder))


@final
class DirectCalls(ThreadedCalls):
    """For blocking callers: at once."""

    runtime = BlockingRuntime()
