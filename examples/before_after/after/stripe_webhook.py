"""Verified, stored before it is answered, and fulfilled once, however often it comes."""

from shop import hub

from hardpoint import Event, Job


@hub.on("billing", "checkout.session.completed")
async def fulfil(event: Event, job: Job) -> None:
    session = event.json()["data"]["object"]["id"]
    job.write(lambda tx: tx.execute("create table if not exists shipped (id text primary key)"))
    job.write(lambda tx: tx.execute("insert into shipped values (?)", [session]))
