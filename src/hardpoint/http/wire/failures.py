"""What went wrong on the way, as our errors. What was sent is known by us, never read from words.

Nothing was sent: `UnavailableError`. Something was, and no whole answer came:
`OutcomeUnknownError`.
"""

import ssl

from hardpoint.core.errors import (
    HardpointError,
    OutcomeUnknownError,
    UnavailableError,
    UnexpectedResponseError,
)
from hardpoint.http.messages import Request
from hardpoint.http.wire.incoming import Incoming

UNCONNECTED = (OSError, ValueError, RuntimeError)
"""What connecting raises: a `ValueError` for a name that TLS cannot have, and a `RuntimeError` from
uvloop where asyncio has an `OSError`."""
_DISTRUSTED = "has no trusted certificate"


def not_connected(request: Request, error: BaseException | None, why: str = "") -> HardpointError:
    """The error for a request of which not a byte was sent.

    Args:
        request: that one.
        error: the cause, if there is one.
        why: in words, where there is none.
    """
    where = request.shown
    if isinstance(error, ssl.SSLCertVerificationError):
        failure = UnavailableError(f"{where} {_DISTRUSTED}", retryable=False)
    else:
        reason = why or type(error).__name__
        failure = UnavailableError(f"no connection to {where}: {reason}")
    failure.__cause__ = error
    return failure


def no_answer(
    request: Request, answer: Incoming, error: OSError | None, *, in_time: bool, sent: bool
) -> HardpointError:
    """The error for a request without an answer that is whole and wanted.

    Args:
        request: that one.
        answer: as far as it came.
        error: what broke the connection, if something did.
        in_time: whether the exchange ended before its time was up.
        sent: whether a byte of the request can have left.
    """
    if not sent:
        return not_connected(request, error)
    where = request.shown
    if answer.refused and answer.status is not None:
        return UnexpectedResponseError(
            f"the answer of {where} {answer.refused}",
            status=answer.status,
            outcome_known=False,
            retryable=False,  # it would be as large the next time
        )
    reason = answer.refused or answer.broken
    if reason is not None:
        return OutcomeUnknownError(f"no answer from {where}: it {reason}")
    if not in_time:
        return OutcomeUnknownError(f"no whole answer in time from {where}")
    failure = OutcomeUnknownError(f"no answer from {where}: {type(error).__name__}")
    failure.__cause__ = error
    return failure
