"""Payments looked for at the provider, page by page: by what is yours in them."""

from collections.abc import Callable, Mapping
from typing import final

from hardpoint.calls.call import Calls
from hardpoint.calls.journalled import Search
from hardpoint.core.errors import InvalidRequestError
from hardpoint.core.outcome import Operation, Repeat
from hardpoint.payments.driver import PaymentCapability, PaymentDriver
from hardpoint.payments.types import NewPayment, Payment

PAGES_MAX = 100
"""How many pages `find` reads before it gives up."""

_LIST = Operation("find", Repeat.SAFE)


@final
class PaymentListing:
    """A provider's payments, all of them, with its own ids."""

    def __init__(self, driver: PaymentDriver, calls: Calls) -> None:
        self._driver = driver
        self._calls = calls

    async def carrying(
        self, since: float, reference: str | None, metadata: Mapping[str, str]
    ) -> list[Payment]:
        """Those with this reference, if one is given, and all of the metadata."""
        return await self._all(
            since,
            lambda one: (
                reference in {None, one.reference} and metadata.items() <= one.metadata.items()
            ),
        )

    def search(self, new: NewPayment) -> Search[Payment] | None:
        """How to look for a payment that may have been created: by what is yours in it.

        A provider may shorten a reference; an amount it cannot change.
        """
        askable = PaymentCapability.FIND in self._driver.capabilities.flags
        if not askable or not (new.reference or new.metadata):
            return None

        def looks(one: Payment) -> object:
            metadata = {name: one.metadata.get(name) for name in new.metadata}
            return (new.reference and one.reference, metadata, one.amount)

        async def find(since: float) -> list[Payment]:
            return (await self._all(since, lambda one: one.amount == new.amount))[::-1]

        return Search(like=(new.reference, new.metadata, new.amount), find=find, likes=looks)

    async def _all(self, since: float, wanted: Callable[[Payment], bool]) -> list[Payment]:
        """Those that are wanted, newest first."""
        found: list[Payment] = []
        cursor: str | None = None
        for _ in range(PAGES_MAX):
            page = await self._calls.run(
                _LIST,
                lambda cursor=cursor: self._driver.list_payments(since=since, cursor=cursor),
            )
            found += [one for one in page.payments if wanted(one)]
            cursor = page.cursor
            if cursor is None:
                return found
        raise InvalidRequestError(
            f"covers more than {PAGES_MAX} pages of payments; name a later time", field="since"
        )
