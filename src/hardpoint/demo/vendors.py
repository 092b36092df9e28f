"""The vendors of the demo: their fakes, what they tell the shop, and what forgers do."""

import asyncio
import json
import secrets
import time
from collections.abc import Sequence
from contextlib import ExitStack
from types import TracebackType
from typing import Any, Self, final

from hardpoint.demo.visitor import Visitor
from hardpoint.fakes.emitter import Chaos, Delivered, Emitter
from hardpoint.fakes.server import FakeServer
from hardpoint.providers.sendgrid.fake import API_KEY, FakeSendGrid
from hardpoint.providers.stripe.fake import SECRET_KEY, FakeStripe
from hardpoint.providers.twilio.fake import ACCOUNT_SID, AUTH_TOKEN, SENDER, FakeTwilio
from hardpoint.webhooks.verification import scheme

_ORDERLY = Chaos()


@final
class Vendors:
    """Stripe, Twilio and SendGrid as fakes, and GitHub as far as the shop can tell."""

    def __init__(self) -> None:
        self._billing = "whsec_" + secrets.token_hex(16)
        self._code = secrets.token_hex(16)
        payments, texts = FakeStripe(webhook_secret=self._billing), FakeTwilio()
        self._events, self._reports = payments.emitter, texts.emitter
        self.stripe, self.twilio = FakeServer(payments), FakeServer(texts)
        self.sendgrid = FakeServer(FakeSendGrid())
        self.acknowledged: list[str] = []
        """The vendors' ids of events that were answered with 2xx."""
        self._forger = scheme("stripe", secrets=["whsec_" + secrets.token_hex(16)])
        self._genuine = scheme("stripe", secrets=[self._billing])
        self._github = scheme("github", secrets=[self._code])
        self._push = json.dumps({"ref": "refs/heads/main", "after": secrets.token_hex(20)}).encode()
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        for server in (self.stripe, self.twilio, self.sendgrid):
            self._stack.enter_context(server)
        for emitter in (self._events, self._reports):
            self._stack.callback(emitter.close)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stack.close()

    def mail_goes_down(self) -> None:
        """SendGrid refuses connections, and drops those it has."""
        self.sendgrid.stop()

    def mail_comes_back(self) -> None:
        """At the same address, with all it knew."""
        port = int(self.sendgrid.url.rpartition(":")[2])
        self.sendgrid = FakeServer(self.sendgrid.app, port=port)
        self._stack.enter_context(self.sendgrid)

    @property
    def facts(self) -> dict[str, str]:
        """What the shop's configuration names."""
        return {
            "stripe": self.stripe.url,
            "twilio": self.twilio.url,
            "sendgrid": self.sendgrid.url,
            "account": ACCOUNT_SID,
            "sender": SENDER,
        }

    @property
    def secrets(self) -> dict[str, str]:
        """What the shop finds in its environment."""
        return {
            "STRIPE_WEBHOOK_SECRET": self._billing,
            "GITHUB_WEBHOOK_SECRET": self._code,
            "STRIPE_SECRET_KEY": SECRET_KEY,
            "TWILIO_AUTH_TOKEN": AUTH_TOKEN,
            "SENDGRID_API_KEY": API_KEY,
        }

    @property
    def ledgers(self) -> dict[str, str]:
        """Where a separate process reads what each vendor did."""
        servers = {"stripe": self.stripe, "twilio": self.twilio, "sendgrid": self.sendgrid}
        return {name: f"{server.url}/_hardpoint/ledger" for name, server in servers.items()}

    async def stripe_tells(self, shop: str, chaos: Chaos = _ORDERLY) -> list[int]:
        """Deliver what Stripe has to say, or what somebody makes of it."""
        delivered = await _deliver(self._events, f"{shop}/webhooks/billing", chaos)
        for one in delivered:
            self._note(one.event_id, one.status)
        return [one.status for one in delivered]

    async def twilio_tells(self, shop: str, chaos: Chaos = _ORDERLY) -> list[int]:
        """Deliver how far messages are."""
        url = f"{shop}/webhooks/texts"
        return [one.status for one in await _deliver(self._reports, url, chaos)]

    async def forged(
        self,
        visitor: Visitor,
        shop: str,
        order: str,
        *,
        genuine: bool = False,
        age: float = 0.0,
        tampered: bool = False,
    ) -> int:
        """Somebody posts a payment that Stripe never told of; gives the status of the answer."""
        event_id = f"evt_forged_{order}"
        intent: dict[str, Any] = {"id": "pi_forged", "object": "payment_intent", "amount": 4200}
        intent["metadata"] = {"hardpoint_reference": order}
        kind = "payment_intent.succeeded"
        event = {"id": event_id, "object": "event", "type": kind, "data": {"object": intent}}
        body = json.dumps(event).encode()
        signer = self._genuine if genuine else self._forger
        headers = signer.sign(body, now=time.time() - age, event_id=event_id, event_type=kind)
        if tampered:
            body = body.replace(b"4200", b"4201")
        return await self._post(visitor, f"{shop}/webhooks/billing", headers, body, event_id)

    async def push(self, visitor: Visitor, shop: str, delivery: str) -> int:
        """Post the one push there is, under a delivery id that no signature covers."""
        headers = self._github.sign(
            self._push, now=time.time(), event_id=delivery, event_type="push"
        )
        return await self._post(visitor, f"{shop}/webhooks/code", headers, self._push, delivery)

    async def _post(
        self,
        visitor: Visitor,
        url: str,
        signature: Sequence[tuple[str, str]],
        body: bytes,
        event_id: str,
    ) -> int:
        pairs = [*signature, ("content-type", "application/json")]
        status = (await visitor.send_bytes("POST", url, body, pairs)).status
        self._note(event_id, status)
        return status

    def _note(self, event_id: str, status: int) -> None:
        if 200 <= status < 300 and event_id not in self.acknowledged:
            self.acknowledged.append(event_id)


async def _deliver(emitter: Emitter, url: str, chaos: Chaos) -> list[Delivered]:
    return await asyncio.to_thread(emitter.deliver, url, chaos)
