"""Who wants no more email, or cannot get any: what events say of it, and what calls make of it."""

from collections.abc import Collection
from typing import Final

from hardpoint.calls.suppressions import Suppressions
from hardpoint.core.errors import InvalidRequestError
from hardpoint.email.types import (
    ConsentChanged,
    EmailConsent,
    EmailEvent,
    EmailFailure,
    NewEmail,
)

_ENOUGH: Final = frozenset(
    {
        EmailFailure.INVALID_ADDRESS,
        EmailFailure.BOUNCED_BEFORE,
        EmailFailure.UNSUBSCRIBED,
        EmailFailure.COMPLAINED,
    }
)
"""Failures after which another email to the same address can only do harm."""


class SuppressedError(InvalidRequestError):
    """The recipient wants no email of this sender, or has no mailbox; nothing was sent."""

    code = "suppressed"


async def heeded(suppressions: Suppressions, sender: str, event: EmailEvent) -> None:
    """Take what an event says into the suppressions of a sender.

    Leaving one of the provider's groups of subscriptions is the provider's to heed.
    """
    to = event.to.casefold()
    if isinstance(event, ConsentChanged):
        if event.group is not None:
            return
        if event.consent is EmailConsent.SUBSCRIBED:
            await suppressions.remove(sender, to)
        else:
            await suppressions.add(sender, to)
    elif getattr(event, "failure", None) in _ENOUGH:
        await suppressions.add(sender, to)


async def check_consent(
    suppressions: Suppressions, senders: Collection[str], new: NewEmail
) -> None:
    """See that everybody may be written to by every one of these senders.

    Raises:
        SuppressedError: naming the first who may not.
    """
    groups = {"to": new.to, "cc": new.cc, "bcc": new.bcc}
    if new.batch:
        groups = {"recipients": tuple(one.address for one in new.batch)}
    for field, group in groups.items():
        for index, one in enumerate(group):
            for sender in senders:
                if await suppressions.holds(sender, one.email.casefold()):
                    raise SuppressedError("is suppressed", field=f"{field}[{index}]")
