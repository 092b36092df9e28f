"""A shop as an application writes it: web workers receive, `hardpoint work shop:hub` handles."""

import os
from contextlib import asynccontextmanager

import psycopg
from fastapi import FastAPI

from hardpoint import Hub, Permanent
from hardpoint.store.postgres.limits import PostgresLimits

DATABASE = os.environ["SHOP_DATABASE"]
hub = Hub.load(os.environ["SHOP_CONFIG"])
# A test does not wait until a process that was killed is taken for dead in earnest.
hub.store.limits = PostgresLimits(expires=2.0, poll=0.2)
hub.store.expires, hub.store.poll = 2.0, 0.2


@hub.on("shop", "paid")
async def mark_paid(event, job):
    job.execute("insert into marked values ($1, 'paid')", [event.json()["number"]])


@hub.on("shop", "sent")
async def mark_sent(event, job):
    number = event.json()["number"]

    async def write(tx):
        (count,) = (
            await tx.execute("select count(*) from marked where number = $1", [number])
        ).fetchone()
        tx.execute("insert into marked values ($1, 'sent' || $2::text)", [number, str(count)])

    job.write(write)


@hub.on("shop", "returned")
def mark_returned(event, job):
    with psycopg.connect(DATABASE) as connection, job.complete_in(connection):
        connection.execute("insert into marked values (%s, 'returned')", [event.json()["number"]])


@hub.on("shop", "lost")
async def give_up(event, job):
    raise Permanent("nobody knows where it is")


@hub.on("shop", "thanked")
async def thank(event, job):
    await hub.once(f"thank-{event.json()['number']}", _send, event.json()["number"])


def _send(number: int) -> str:
    with psycopg.connect(DATABASE) as connection:
        connection.execute("insert into marked values (%s, 'thanked')", [number])
    return "sent"


@asynccontextmanager
async def serving(_: FastAPI):
    await hub.start(work=False)
    yield
    await hub.stop()


app = FastAPI(lifespan=serving)
app.mount("/hooks", hub.asgi())
