"""What a mail server's replies mean: by the code, or by the enhanced code (RFC 3463) beside it."""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from hardpoint.core.errors import InvalidRequestError, ProviderError, UnavailableError
from hardpoint.email.types import DeliveryStatus, EmailFailure
from hardpoint.http.errors import ErrorTable, Known, Problem
from hardpoint.http.redaction import redacted

AT_SENDER = "sender"
"""What refuses the sender, whatever the code: the server does not take it from us."""

ERRORS = ErrorTable.read("smtp", Path(__file__).with_name("codes.md"))
"""Refusals by reply code, and by enhanced code where that says more."""


class SmtpReply(NamedTuple):
    """What the server says to one command."""

    code: int
    text: str


_ENHANCED = re.compile(r"\s*([245]\.\d{1,3}\.\d{1,3})\b", re.ASCII)
_MALFORMED = frozenset({"501", "553", "5.1.3"})
_TOO_LARGE = frozenset({"552", "5.3.4"})


def refusal(
    reply: SmtpReply,
    *,
    at: str | None = None,
    field: str | None = None,
    secrets: Sequence[str] = (),
) -> ProviderError:
    """The error of a refusal, of which nothing came.

    Args:
        reply: with a code of 400 or more.
        at: `AT_SENDER`, where the sender was refused.
        field: the argument that was, where one was.
        secrets: what must not be shown if the server quotes it.
    """
    code = _code(reply)
    known = ERRORS.known.get((None, code))
    if at is not None and reply.code >= 500 and not _is_about_login_or_size(known, code):
        code = at
    problem = Problem(
        status=reply.code,
        code=code,
        message=redacted(reply.text.replace("\n", " "), secrets),
        field=field,
    )
    if known is not None or code == at:
        return ERRORS.error(problem)
    text = f"smtp answered {reply.code}: {problem.message}"
    if reply.code < 500:
        return UnavailableError(text, provider="smtp", status=reply.code, vendor_code=code)
    return InvalidRequestError(
        text, provider="smtp", status=reply.code, vendor_code=code, field=field
    )


def malformed_address(reply: SmtpReply) -> bool:
    """Whether a recipient is no address at all: the call is wrong, and nobody is to get it."""
    return reply.code >= 500 and not _MALFORMED.isdisjoint((str(reply.code), _code(reply)))


def refused_status(reply: SmtpReply) -> tuple[DeliveryStatus, EmailFailure]:
    """What became of a recipient that was refused while others were not, and why."""
    found = _ENHANCED.match(reply.text)
    subject = "" if found is None else found[1].partition(".")[2]
    if reply.code < 500:
        full = subject.startswith("2.")
        return DeliveryStatus.FAILED, EmailFailure.MAILBOX if full else EmailFailure.TECHNICAL
    if subject.startswith("1."):
        return DeliveryStatus.INVALID, EmailFailure.INVALID_ADDRESS
    if subject.startswith("2."):
        return DeliveryStatus.REJECTED, EmailFailure.MAILBOX
    return DeliveryStatus.REJECTED, EmailFailure.OTHER


def _code(reply: SmtpReply) -> str:
    """The enhanced code where our table has it, else the reply code."""
    found = _ENHANCED.match(reply.text)
    if found is not None and (None, found[1]) in ERRORS.known:
        return found[1]
    return str(reply.code)


def _is_about_login_or_size(known: Known | None, code: str) -> bool:
    return code in _TOO_LARGE or (known is not None and code.startswith(("53", "5.7.8")))
