"""A shop that learns from Stripe which orders are paid, each exactly once.

export STRIPE_WEBHOOK_SECRET=whsec_anything_while_you_try
hardpoint serve shop:hub &
hardpoint trigger stripe payment_intent.succeeded --times 2
hardpoint events list
"""

from hardpoint import Event, Hub, Job

hub = Hub.load("hardpoint.toml")


@hub.on("billing", "payment_intent.succeeded")
async def mark_paid(event: Event, job: Job) -> None:
    """Marks the order in the very transaction that completes the job."""
    mark(event, job, "paid")


@hub.on("billing", "payment_intent.payment_failed")
async def mark_failed(event: Event, job: Job) -> None:
    """The same for a payment that did not succeed."""
    mark(event, job, "failed")


def mark(event: Event, job: Job, status: str) -> None:
    """Writes when the handler returns, once, however often the event comes or the process dies."""
    payment = event.json()["data"]["object"]
    job.write(lambda tx: tx.execute("create table if not exists orders (payment, status)"))
    job.write(lambda tx: tx.execute("insert into orders values (?, ?)", [payment["id"], status]))
