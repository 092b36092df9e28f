"""What the vendors of the demo send: signed by their own schemes, or not quite."""

import json
import secrets
import time
from collections.abc import Sequence
from typing import final

import httpx2

from hardpoint.webhooks.verification import scheme


@final
class Vendors:
    """Stripe and GitHub, as far as the gateway can tell.

    Args:
        client: sends the requests.
        billing: the signing secret of the shop's Stripe endpoint.
        code: the secret of its GitHub hook.
    """

    def __init__(self, client: httpx2.AsyncClient, billing: str, code: str) -> None:
        self._client = client
        self._stripe = scheme("stripe", secrets=[billing])
        self._forger = scheme("stripe", secrets=["whsec_" + secrets.token_hex(16)])
        self._github = scheme("github", secrets=[code])
        self._push = json.dumps({"ref": "refs/heads/main", "after": secrets.token_hex(20)}).encode()
        self.acknowledged: list[str] = []
        """The vendors' ids of events that were answered with 2xx."""

    async def payment(
        self,
        url: str,
        order: str,
        *,
        event_type: str = "payment_intent.succeeded",
        forged: bool = False,
        age: float = 0.0,
        tampered: bool = False,
    ) -> int:
        """Post a payment event for an order; gives the status of the answer."""
        event_id = f"evt_demo_{order}"
        payment = {
            "id": f"pi_demo_{order}",
            "object": "payment_intent",
            "amount": 4200,
            "currency": "eur",
            "metadata": {"order_id": order},
        }
        event = {"id": event_id, "object": "event", "type": event_type, "data": {"object": payment}}
        body = json.dumps(event).encode()
        signer = self._forger if forged else self._stripe
        headers = signer.sign(body, now=time.time() - age, event_id=event_id, event_type=event_type)
        if tampered:
            body = body.replace(b"4200", b"4201")
        return await self._post(f"{url}/webhooks/billing", headers, body, event_id)

    async def push(self, url: str, delivery: str) -> int:
        """Post the one push there is, under a delivery id that no signature covers."""
        headers = self._github.sign(
            self._push, now=time.time(), event_id=delivery, event_type="push"
        )
        return await self._post(f"{url}/webhooks/code", headers, self._push, delivery)

    async def _post(
        self, url: str, signature: Sequence[tuple[str, str]], body: bytes, event_id: str
    ) -> int:
        pairs = [*signature, ("content-type", "application/json")]
        response = await self._client.post(url, headers=pairs, content=body)
        if response.is_success and event_id not in self.acknowledged:
            self.acknowledged.append(event_id)
        return response.status_code
