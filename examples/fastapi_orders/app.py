"""A FastAPI shop that learns from Stripe which orders are paid.

export STRIPE_WEBHOOK_SECRET=whsec_anything_while_you_try
uvicorn app:app
hardpoint trigger stripe payment_intent.succeeded --set data.object.metadata.order_id=1001
curl localhost:8000/orders/1001
"""

import sqlite3
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from pathlib import Path

from fastapi import FastAPI, HTTPException

from hardpoint import Event, Hub, Job

HERE = Path(__file__).parent
hub = Hub.load(HERE / "hardpoint.toml")
DATABASE = hub.settings.store.path


def database() -> sqlite3.Connection:
    """The shop's own connection to the file that the hub also uses."""
    connection = sqlite3.connect(DATABASE)
    connection.row_factory = sqlite3.Row
    return connection


@hub.on("billing", "payment_intent.succeeded")
async def mark_paid(event: Event, job: Job) -> None:
    """The order is marked in the transaction that completes the job: once, whatever happens."""
    order = order_of(event)
    job.write(
        lambda tx: tx.execute(
            "insert into orders (id, status) values (?, 'paid')"
            " on conflict (id) do update set status = 'paid', paid_times = paid_times + 1",
            [order],
        )
    )


@hub.on("billing", "payment_intent.payment_failed")
def mark_failed(event: Event, job: Job) -> None:
    """The same in a transaction of the shop's own; a plain `def` runs in a thread."""
    order = order_of(event)
    with closing(database()) as connection, job.complete_in(connection):
        connection.execute(
            "insert into orders (id, status) values (?, 'failed') on conflict (id) do nothing",
            [order],
        )


def order_of(event: Event) -> str:
    """Which order a payment is for."""
    payment = event.json()["data"]["object"]
    return payment["metadata"].get("order_id", payment["id"])


@asynccontextmanager
async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
    """The hub starts and stops with the application, on a database that has the shop's table."""
    with closing(database()) as connection, connection:
        connection.execute(
            "create table if not exists orders"
            " (id text primary key, status text not null, paid_times integer default 1)"
        )
    async with hub:
        yield


app = FastAPI(lifespan=lifespan)
app.mount("/webhooks", hub.asgi())


@app.get("/orders/{order_id}")
def read_order(order_id: str) -> dict[str, object]:
    """What the shop knows of an order."""
    with closing(database()) as connection:
        row = connection.execute("select * from orders where id = ?", [order_id]).fetchone()
    if row is None:
        raise HTTPException(404, "no such order")
    return dict(row)
