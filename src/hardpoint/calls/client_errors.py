"""Our errors as another library's client raises them, so that what stands on it understands them.

An SDK catches what its HTTP client raises and makes its own exception of it. So a refusal of ours
comes out as a class that is both, `CircuitOpenError` and the client's connection error; and where
the client itself has failed, its own exception comes out, with ours as its cause.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any, cast, final

from hardpoint.core.errors import (
    HardpointError,
    OutcomeUnknownError,
    RateLimitedError,
    RejectedError,
    TimedOutError,
)

_CHAIN_MAX = 16


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class ClientKind:
    """What there is to know of a client.

    Attributes:
        base: the class of all that it raises itself; these errors come out as they are.
        connection: what an error of ours is as well, where there was no answer.
        timeout: the same where it took too long.
        blank: attributes that its errors have from whoever makes one.
        status: the attribute of its answers that holds their status.
    """

    base: type[Exception]
    connection: type[Exception]
    timeout: type[Exception]
    blank: Mapping[str, Any] = field(default_factory=dict[str, Any])
    status: str = "status_code"

    def theirs(self, ours: Exception) -> Exception:
        """What is to be raised in place of an error of ours; others stay as they are."""
        if isinstance(ours, OutcomeUnknownError):
            cause = ours.__cause__
            if isinstance(cause, self.base):
                return _explained(cause, ours)
            late = isinstance(cause, TimedOutError)
            return self._both(ours, self.timeout if late else self.connection)
        if isinstance(ours, RejectedError | RateLimitedError):
            return self._both(ours, self.connection)
        if isinstance(ours, TimedOutError):
            return self._both(ours, self.timeout)
        return ours

    def _both(self, ours: HardpointError, theirs: type[Exception]) -> Exception:
        made = _rebuilt_both(type(ours), theirs, ours.args, {**self.blank, **vars(ours)})
        made.__cause__ = ours.__cause__
        return made


def reason_of(error: BaseException | None) -> HardpointError | None:
    """Why a call of another library failed, as its policy knows it; None if that had no say.

        except openai.APIConnectionError as error:
            if isinstance(reason_of(error), OutcomeUnknownError): ...

    Args:
        error: what that library raised.
    """
    for _ in range(_CHAIN_MAX):
        if error is None or isinstance(error, HardpointError):
            return error
        error = error.__cause__ or error.__context__
    return None


def _explained(theirs: Exception, ours: OutcomeUnknownError) -> Exception:
    """Theirs, because of ours, because of what was theirs until now: a chain without a circle."""
    ours.__cause__ = theirs.__cause__ or theirs.__context__
    theirs.__cause__ = ours
    return theirs


@cache
def _class_of_both(ours: type[HardpointError], theirs: type[Exception]) -> type[HardpointError]:
    """A class that is both; it reads as ours does."""

    def reduce(self: HardpointError) -> tuple[object, ...]:
        return _rebuilt_both, (ours, theirs, self.args, vars(self))

    facts = {"__doc__": ours.__doc__, "__module__": ours.__module__, "__reduce__": reduce}
    return cast("type[HardpointError]", type(ours.__name__, (ours, theirs), facts))


def _rebuilt_both(
    ours: type[HardpointError],
    theirs: type[Exception],
    args: tuple[object, ...],
    facts: Mapping[str, object],
) -> HardpointError:
    kind = _class_of_both(ours, theirs)
    made = kind.__new__(kind)
    made.args = args
    vars(made).update(facts)
    return made
