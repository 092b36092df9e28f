"""A shop that learns from PayPal which orders are paid, each exactly once.

export PAYPAL_WEBHOOK="private:TRYING:$(openssl genpkey -algorithm RSA -outform DER | base64 -w0)"
hardpoint serve shop:hub &
hardpoint trigger paypal PAYMENT.CAPTURE.COMPLETED --times 2
hardpoint events list
"""

from hardpoint import Event, Hub, Job

hub = Hub.load("hardpoint.toml")


@hub.on("billing", "PAYMENT.CAPTURE.COMPLETED")
async def mark_paid(event: Event, job: Job) -> None:
    """PayPal tells of a capture more than once; it is marked in the job's transaction."""
    capture = event.json()["resource"]
    job.write(lambda tx: tx.execute("create table if not exists orders (capture primary key)"))
    job.write(lambda tx: tx.execute("insert or ignore into orders values (?)", [capture["id"]]))
