"""A shop that learns from Square which orders are paid, each exactly once.

export SQUARE_SIGNATURE_KEY=anything_while_you_try
hardpoint serve shop:hub &
hardpoint trigger square payment.updated --times 2
hardpoint events list
"""

from hardpoint import Event, Hub, Job, Skip

hub = Hub.load("hardpoint.toml")


@hub.on("billing", "payment.*")
async def mark_paid(event: Event, job: Job) -> None:
    """Square tells of a payment more than once; the order is marked in the job's transaction."""
    payment = event.json()["data"]["object"]["payment"]
    if payment["status"] != "COMPLETED":
        raise Skip("no money was taken yet")
    job.write(lambda tx: tx.execute("create table if not exists orders (payment primary key)"))
    job.write(lambda tx: tx.execute("insert or ignore into orders values (?)", [payment["id"]]))
