"""The means of payment of `MemoryPayments`: their names say how a try ends."""

from collections.abc import Mapping

from hardpoint.core.errors import DeclinedError, NotFoundError
from hardpoint.payments.types import DeclineReason

GOOD = "good"
"""The method that pays."""
CHALLENGED = "challenged"
"""The method whose bank asks the customer; see `MemoryPayments.authenticate`."""
DECLINED: Mapping[str, tuple[DeclineReason, bool]] = {
    "declined": (DeclineReason.DECLINED, False),
    "insufficient_funds": (DeclineReason.INSUFFICIENT_FUNDS, True),
    "stolen": (DeclineReason.SUSPECTED_FRAUD, False),
}
"""Methods that are declined: why, and whether softly."""


def declined_by(method: str) -> DeclinedError:
    """What a try with it ends in."""
    reason, soft = DECLINED.get(method, (DeclineReason.AUTHENTICATION_REQUIRED, True))
    return DeclinedError(reason=reason, soft=soft, status=402, vendor_code=method)


def check_method(method: str | None) -> None:
    """Refuse what is none of these."""
    if method not in {None, GOOD, CHALLENGED, *DECLINED}:
        raise NotFoundError(f"there is no payment method {method!r:.40}", status=404)
