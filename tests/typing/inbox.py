"""How the inbox's names look to a type checker; checked, never run."""

from collections.abc import Awaitable, Callable
from typing import assert_type

from hardpoint import Event, Hub, Job, Secret, Transaction
from hardpoint.webhooks import Verified, WebhookRequest, scheme

hub = Hub.load("hardpoint.toml")
assert_type(hub, Hub)


@hub.on("billing", "payment_intent.succeeded")
async def mark_paid(event: Event, job: Job) -> None:
    def write(tx: Transaction) -> None:
        tx.execute("insert into paid values (?)", [event.id])

    job.write(write)


@hub.on("billing", retry=[1.0, 2.0])
def in_a_thread(event: Event, job: Job) -> str:
    return job.key(event.type)


asynchronous: Callable[[Event, Job], Awaitable[None]] = mark_paid
plain: Callable[[Event, Job], str] = in_a_thread

stripe = scheme("stripe", secrets=[Secret.env("STRIPE_WEBHOOK_SECRET")])
verified = stripe.verify(WebhookRequest(headers=[("a", "b")], body=b""), now=0.0)
assert_type(verified, Verified)
