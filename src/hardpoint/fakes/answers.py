"""What a provider that honours idempotency keys remembers: the first answer under each."""

from collections.abc import Callable
from typing import Any, Generic, TypeVar, final

import msgspec

from hardpoint.core.errors import IdempotencyConflictError, ProviderError

_Result = TypeVar("_Result")


class _Answer(msgspec.Struct, frozen=True):
    asked: Any
    result: Any


@final
class Answers(Generic[_Result]):
    """The answers of one account, by key.

    Args:
        errors: refusals that are an answer, to be given again; any other leaves the key unused.
    """

    def __init__(self, errors: tuple[type[ProviderError], ...] = (ProviderError,)) -> None:
        self._errors = errors
        self._answers: dict[str, _Answer] = {}

    def __len__(self) -> int:
        return len(self._answers)

    def under(self, key: str, asked: object, act: Callable[[], _Result]) -> _Result:
        """The first answer under a key, given by acting once.

        Args:
            key: whose.
            asked: what is asked for, to be compared with what was.
            act: does it.

        Raises:
            IdempotencyConflictError: the key was used to ask for something else.
            ProviderError: that was the first answer.
        """
        known = self._answers.get(key)
        if known is None:
            try:
                known = _Answer(asked, act())
            except self._errors as error:
                known = _Answer(asked, error)
            self._answers[key] = known
        elif known.asked != asked:
            raise IdempotencyConflictError(status=400)
        if isinstance(known.result, ProviderError):
            raise known.result.with_traceback(None)
        return known.result
