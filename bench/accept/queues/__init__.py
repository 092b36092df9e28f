"""The same work on queues: verify, store durably, answer, then handle with one write of an order.

Each application does it as its own documentation has it, on the database that ours is on: FastAPI,
the vendor's SDK, a job that holds the whole body, a worker in the same process (Celery's is a child
of it). None of them groups the events of several requests.
"""

import os
from typing import Annotated

import stripe
from fastapi import Header, HTTPException, Request

STORE = os.environ.get("BENCH_STORE", "")
SECRET = os.environ.get("BENCH_SECRET", "")
ALCHEMY = STORE.replace("postgresql:", "postgresql+psycopg:", 1)
PAID = "insert into orders(id, paid) values ($1, 1) on conflict(id) do update set paid = 1"
CONCURRENCY = 16
"""Jobs that a worker has under way at a time, where that can be said."""


class Delivery:
    """An event that the vendor has signed.

    Attributes:
        id: the vendor's, of the event.
        order: what it is about.
        body: as it came.
    """

    def __init__(self, told: stripe.Event, body: bytes) -> None:
        self.id: str = told.id
        self.order: str = told.to_dict()["data"]["object"]["metadata"]["order"]
        self.body = body


async def delivery(request: Request, stripe_signature: Annotated[str, Header()]) -> Delivery:
    """What is delivered; whoever has not the secret is refused."""
    body = await request.body()
    try:
        told = stripe.Webhook.construct_event(body, stripe_signature, SECRET)
    except (ValueError, stripe.SignatureVerificationError):
        raise HTTPException(400) from None
    return Delivery(told, body)
