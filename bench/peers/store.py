"""A Redis that counts the commands given to it on the calling thread."""

import threading


class CountingStore:
    """The few commands that breakers use, over a dict."""

    def __init__(self) -> None:
        self.commands = 0
        self._values: dict[str, bytes] = {}
        self._thread = threading.get_ident()

    def _count(self) -> None:
        if threading.get_ident() == self._thread:
            self.commands += 1

    def get(self, key: str) -> bytes | None:
        self._count()
        return self._values.get(key)

    def set(self, key: str, value: object) -> None:
        self._count()
        self._values[key] = str(value).encode()

    def setnx(self, key: str, value: object) -> None:
        self._count()
        self._values.setdefault(key, str(value).encode())

    def incr(self, key: str) -> int:
        self._count()
        value = int(self._values.get(key, b"0")) + 1
        self._values[key] = str(value).encode()
        return value


class CountingAsyncStore(CountingStore):
    """The same, awaited."""

    async def get(self, key: str) -> bytes | None:
        return super().get(key)

    async def set(self, key: str, value: object) -> None:
        super().set(key, value)

    async def incr(self, key: str) -> int:
        return super().incr(key)
