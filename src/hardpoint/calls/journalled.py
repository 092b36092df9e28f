"""A call to a provider that knows no keys, made once for its key: the journal stands in for it.

- The intent is durable before the first send. What is found done is not sent again: the recorded
  result is given.
- A refusal frees the key: what it stands for has not happened.
- After a doubt or a crash the provider is asked, where it can be. What is found belongs to the
  oldest key that may have made it. What is not found was not done, once so much time has passed
  that nothing can be on its way any more; only then is it sent again.
- Something that no key has made, and that may be the effect in words that the provider has changed,
  leaves the doubt. So it does where the provider cannot be asked: until a person has looked.
"""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any, Generic, Protocol, TypeVar, final

import msgspec

from hardpoint.calls.key import fingerprint
from hardpoint.core.decoding import UNREADABLE
from hardpoint.core.errors import (
    AlreadyExistsError,
    HardpointError,
    IdempotencyConflictError,
    OutcomeUnknownError,
    UnavailableError,
)
from hardpoint.core.secrets import Secret
from hardpoint.runtime.decoding_types import prepared
from hardpoint.store.journal import (
    Found,
    Intent,
    Journal,
    JournalEntry,
    Other,
    Standing,
    UnrecordableError,
)

CLOCK_SECONDS = 300.0
"""By how much the provider's clock and ours may differ: as much as signed times may."""
BUSY_SECONDS = 1.0
RESULT_BYTES_MAX = 1024 * 1024
"""How large a result may be to be kept; a larger one is given to its caller alone."""
_Result_co = TypeVar("_Result_co", covariant=True)
_Result = TypeVar("_Result")


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Search(Generic[_Result]):
    """How to ask a provider what became of a call.

    What was done is shown by all that was asked for. That nothing was done is shown only by what
    the provider cannot have changed: it may shorten a link in a text, or trim it.

    Args:
        like: what it goes by; a call that looks the same cannot be told apart.
        find: everything that was made since a time in Unix seconds and may be it, by what the
            provider cannot have changed, oldest first.
        likes: what a call went by whose effect this is, as far as this shows it.
    """

    like: object
    find: Callable[[float], Awaitable[Sequence[_Result]]]
    likes: Callable[[_Result], object]


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class CallSpec(Generic[_Result]):
    """What a port says of a call that acts, so that a repeat of it can be recognised.

    Args:
        arguments: all that was asked for, as values msgspec can encode.
        returns: the type of the result, whose `id` is the provider's.
        search: how to look for it; None where the provider cannot be asked.
    """

    arguments: object
    returns: type[_Result]
    search: Search[_Result] | None = None


class Doubtful(Protocol[_Result_co]):
    """A call that can be made, and then tells whether it has acted, or may have."""

    @property
    def acted(self) -> bool:
        """Whether it has."""
        ...

    in_doubt: bool
    """Whether it may have acted; set before it is made where an earlier one under its key may."""

    async def finish(self) -> _Result_co:
        """Make it."""
        ...


@final
class Journalled(Generic[_Result]):
    """One call under its key.

    Args:
        journal: where it is written down.
        intent: what is to be done.
        effect: what the port says of it.
        call: does it.
        operation, provider: for errors.
        settle_seconds: after so long, what the provider does not list was not done.
        harmless: whether what is in doubt may be done again whatever became of it.
    """

    def __init__(
        self,
        journal: Journal,
        intent: Intent,
        effect: CallSpec[_Result],
        call: Doubtful[_Result],
        *,
        operation: str,
        provider: str = "",
        settle_seconds: float = 0.0,
        harmless: Callable[[JournalEntry], bool] = lambda _: False,
    ) -> None:
        self._journal = journal
        self._intent = intent
        self._effect = effect
        self._call = call
        self._settle_seconds = settle_seconds
        self._harmless = harmless
        self._names: dict[str, Any] = {"provider": provider, "operation": operation}

    async def finish(self) -> _Result:
        """The result of this call, or of the one that was made under its key before."""
        entry = await self._journal.begin(self._intent)
        match entry.standing:
            case Standing.DONE:
                return self._repeated(entry)
            case Standing.NEW:
                return await self._send()
            case Standing.OPEN:
                return await self._reconciled(entry)
            case Standing.BUSY:
                raise UnavailableError(
                    f"a call under the key {self._intent.key!r} is under way",
                    retry_after=BUSY_SECONDS,
                    **self._names,
                )
            case Standing.OTHER:
                raise IdempotencyConflictError(
                    f"the key {self._intent.key!r} was used with other arguments; use a new key "
                    "for a new intent",
                    **self._names,
                )
            case _:
                raise self._unknown(
                    "an earlier attempt of this job began it with other arguments, and may have "
                    "acted; look, then retry the job"
                )

    def _repeated(self, entry: JournalEntry) -> _Result:
        done = f"what the key {self._intent.key!r} stands for was done, and its result"
        if entry.result is None:
            raise AlreadyExistsError(f"{done} is not kept", **self._names)
        try:
            return replayed(entry.result, self._effect.returns)
        except UnrecordableError as error:
            raise AlreadyExistsError(f"{done} cannot be read: {error}", **self._names) from error

    async def _send(self) -> _Result:
        call, intent = self._call, self._intent
        try:
            result = await call.finish()
        except BaseException:
            self._give_up()
            raise
        if call.acted:
            subject = None if self._effect.search is None else _subject(result)
            await self._journal.end(intent, self._kept(result), subject)
        else:
            self._give_up()  # a fallback's result is not what the key stands for
        return result

    def _kept(self, result: _Result) -> bytes | UnrecordableError:
        try:
            return recorded(result, self._effect.returns)
        except UnrecordableError as error:  # it was done all the same
            return error

    def _give_up(self) -> None:
        if self._call.in_doubt:
            self._journal.leave(self._intent)
        else:
            self._journal.free(self._intent)

    async def _reconciled(self, entry: JournalEntry) -> _Result:
        """What became of it, as the provider has it; or it is sent now."""
        try:
            found = await self._found(entry)
            if found is None:
                await self._journal.resume(self._intent)
                self._call.in_doubt = not entry.cleared and self._effect.search is None
        except BaseException:
            self._journal.leave(self._intent)
            raise
        return await self._send() if found is None else replayed(found, self._effect.returns)

    async def _found(self, entry: JournalEntry) -> bytes | None:
        """The result of what was done; None when it is certain, or decided, that nothing was."""
        if self._effect.search is not None:
            return await self._search(self._effect.search, entry)
        if entry.cleared or self._harmless(entry):
            return None
        raise self._unknown(
            f"the call under the key {self._intent.key!r} may have acted, and the provider cannot "
            "be asked; look, then retry the job or use a new key"
        )

    async def _search(self, search: Search[_Result], entry: JournalEntry) -> bytes | None:
        try:
            results = await search.find(entry.started_at - CLOCK_SECONDS)
        except HardpointError as error:
            raise self._unknown(
                f"the call under the key {self._intent.key!r} may have acted, and asking failed: "
                f"{error}",
                repeatable=error.retryable or not error.outcome_known,
                retry_after=error.retry_after,
            ) from error
        looks = [(one, fingerprint(search.likes(one))) for one in results]
        adopted = await self._journal.adopt(
            self._intent,
            self._candidates([one for one, look in looks if look == self._intent.likeness]),
            [Other(_subject(one), look) for one, look in looks if look != self._intent.likeness],
        )
        if isinstance(adopted, Found):
            return adopted.result
        if adopted.rival:
            raise self._unknown(
                "a call that looks the same is being made, and what was found may be its effect",
                repeatable=True,
                retry_after=BUSY_SECONDS,
            )
        # As old as it was before the search began, and as it is now.
        age = min(entry.doubt_seconds, adopted.doubt_seconds)
        # What is strange may be the effect of a call under way, whose key has not taken it yet.
        left = self._settle_seconds * (2 if adopted.strange else 1) - age
        if entry.cleared or (left <= 0 and not adopted.strange):
            return None
        raise self._unknown(
            f"the call under the key {self._intent.key!r} has not shown any effect"
            + (
                ", unless in words that the provider has changed: it lists what no key has made"
                if adopted.strange
                else ", and may still do"
            ),
            repeatable=left > 0,
            retry_after=left if left > 0 else None,
        )

    def _candidates(self, results: Sequence[Any]) -> list[Found]:
        returns = self._effect.returns
        return [Found(_subject(one), recorded(one, returns)) for one in results]

    def _unknown(
        self, message: str, *, repeatable: bool = False, retry_after: float | None = None
    ) -> OutcomeUnknownError:
        return OutcomeUnknownError(
            message,
            idempotency_key=self._intent.key,
            repeatable=repeatable,
            retry_after=retry_after,
            **self._names,
        )


def _subject(result: Any) -> str:
    """What the provider calls it."""
    return result.id


def recorded(result: object, kind: Any) -> bytes:
    """A result as it is kept; secrets are left out of it.

    Raises:
        UnrecordableError: it holds what cannot be encoded (an object of an unknown class, half a
            surrogate pair, itself), is larger than `RESULT_BYTES_MAX`, or is not of its kind.
    """
    try:
        data = msgspec.json.encode(result, enc_hook=_left_out)
    except (TypeError, ValueError, RecursionError) as error:
        raise UnrecordableError(f"it cannot be encoded: {error}") from error
    if len(data) > RESULT_BYTES_MAX:
        raise UnrecordableError(f"its {len(data)} bytes are more than {RESULT_BYTES_MAX}")
    replayed(data, kind)
    return data


def replayed(data: bytes, kind: Any) -> Any:
    """The result that was recorded.

    Raises:
        UnrecordableError: it is not of this kind (any more).
    """
    try:
        return msgspec.json.decode(data, type=prepared(kind))
    except UNREADABLE as error:
        raise UnrecordableError(f"it is not of the declared type: {error}") from error


def _left_out(value: object) -> None:
    if not isinstance(value, Secret):
        raise TypeError(f"{type(value).__name__} cannot be recorded")
