"""A customer of the shop: everything they do goes over HTTP."""

import json
from typing import Any, final

from hardpoint.demo.visitor import Visitor

PHONE = "+4917012345678"
CARD = "pm_card_visa"
EMPTY_CARD = "pm_card_visa_chargeDeclinedInsufficientFunds"


@final
class Customer:
    """Orders, pays, and looks.

    Args:
        visitor: sends the requests.
        shop: the shop's address.
    """

    def __init__(self, visitor: Visitor, shop: str) -> None:
        self._visitor = visitor
        self._shop = shop

    async def order(self, order: str) -> int:
        """Order a mug; gives the status of the answer, as all that follow."""
        new = {"item": "mug", "email": "ann@customer.example", "phone": PHONE}
        return (await self._visitor.send("PUT", f"{self._shop}/orders/{order}", new)).status

    async def pay(self, order: str, card: str = CARD) -> int:
        """Pay it."""
        means = {"payment_method": card}
        return (await self._visitor.send("POST", f"{self._shop}/orders/{order}/pay", means)).status

    async def attach(self, order: str, name: str, content: bytes) -> int:
        """Send a file along."""
        url = f"{self._shop}/orders/{order}/files/{name}"
        return (await self._visitor.send_file(url, name, content)).status

    async def link(self, order: str, name: str) -> str:
        """The address where the file can be fetched for a while."""
        return (await self._json(f"/orders/{order}/files/{name}"))["url"]

    async def fetch(self, url: str) -> tuple[int, bytes]:
        """What an address gives."""
        answer = await self._visitor.get(url)
        return answer.status, answer.body

    async def look(self, order: str) -> dict[str, Any]:
        """What the shop knows of an order."""
        return await self._json(f"/orders/{order}")

    async def has(self, order: str, what: str) -> bool:
        """Whether the shop knows of such a thing for an order."""
        return (await self.look(order))[what] is not None

    async def circuits(self) -> dict[str, str]:
        """How the shop's vendors fare."""
        return await self._json("/vendors")

    async def _json(self, path: str) -> Any:
        return json.loads((await self._visitor.get(self._shop + path)).body)
