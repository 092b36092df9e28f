"""One budget of bytes for all bodies under way: many large ones at a time take no more than it."""

from typing import Final, Protocol, final

BODIES_BYTES_MAX: Final = 64 * 1024 * 1024


class Body(Protocol):
    """A body that is on its way in, or whose answer is on its way out."""

    held: int
    """Bytes of it that are counted; the budget keeps this."""

    def give_way(self) -> None:
        """Let go of what has come so far: the request is answered 503."""
        ...


@final
class BodyBudget:
    """Counts bodies from their first byte to their answer.

    Beyond it the body that has been coming in for the longest gives way. Vendors take a moment to
    send one; whoever takes long keeps others out, on purpose or not. One alone may be larger.

    Args:
        most: bytes.

    Attributes:
        used: bytes held now.
    """

    __slots__ = ("_coming", "_most", "used")

    def __init__(self, most: int = BODIES_BYTES_MAX) -> None:
        self._most = most
        self._coming: dict[Body, None] = {}
        self.used = 0

    def take(self, body: Body, count: int) -> bool:
        """Count bytes that have come; False when this body itself has to give way.

        Then nothing of it is counted any more, and its `give_way` is not called.
        """
        if not body.held:
            self._coming[body] = None
        body.held += count
        self.used += count
        while self.used > self._most and self.used > body.held:
            oldest = next(iter(self._coming))
            self.release(oldest)
            if oldest is body:
                return False
            oldest.give_way()
        return True

    def complete(self, body: Body) -> None:
        """It has come whole, and gives way no more."""
        self._coming.pop(body, None)

    def release(self, body: Body) -> None:
        """It is answered, or given up; may be said twice."""
        self._coming.pop(body, None)
        self.used -= body.held
        body.held = 0


@final
class ComingBody:
    """A body that comes in parts."""

    def __init__(self) -> None:
        self.held = 0
        self.body = bytearray()
        self.gone = False

    def give_way(self) -> None:
        """Let go of it at once; whoever awaits the next part finds out then."""
        self.body.clear()
        self.gone = True
