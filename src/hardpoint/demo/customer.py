"""A customer of the shop: everything they do goes over HTTP."""

from typing import Any, final

import httpx2

PHONE = "+4917012345678"
CARD = "pm_card_visa"
EMPTY_CARD = "pm_card_visa_chargeDeclinedInsufficientFunds"


@final
class Customer:
    """Orders, pays, and looks.

    Args:
        client: sends the requests.
        shop: the shop's address.
    """

    def __init__(self, client: httpx2.AsyncClient, shop: str) -> None:
        self._client = client
        self._shop = shop

    async def order(self, order: str) -> int:
        """Order a mug; gives the status of the answer, as all that follow."""
        new = {"item": "mug", "email": "ann@customer.example", "phone": PHONE}
        return (await self._client.put(f"{self._shop}/orders/{order}", json=new)).status_code

    async def pay(self, order: str, card: str = CARD) -> int:
        """Pay it."""
        means = {"payment_method": card}
        answer = await self._client.post(f"{self._shop}/orders/{order}/pay", json=means)
        return answer.status_code

    async def attach(self, order: str, name: str, content: bytes) -> int:
        """Send a file along."""
        url = f"{self._shop}/orders/{order}/files/{name}"
        return (await self._client.put(url, files={"file": (name, content)})).status_code

    async def link(self, order: str, name: str) -> str:
        """The address where the file can be fetched for a while."""
        answer = await self._client.get(f"{self._shop}/orders/{order}/files/{name}")
        return answer.json()["url"]

    async def fetch(self, url: str) -> tuple[int, bytes]:
        """What an address gives."""
        answer = await self._client.get(url)
        return answer.status_code, answer.content

    async def look(self, order: str) -> dict[str, Any]:
        """What the shop knows of an order."""
        return (await self._client.get(f"{self._shop}/orders/{order}")).json()

    async def has(self, order: str, what: str) -> bool:
        """Whether the shop knows of such a thing for an order."""
        return (await self.look(order))[what] is not None

    async def circuits(self) -> dict[str, str]:
        """How the shop's vendors fare."""
        return (await self._client.get(f"{self._shop}/vendors")).json()
