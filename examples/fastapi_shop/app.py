"""A FastAPI shop: it takes payments, texts, mails, keeps files, and hears back.

See README.md for how to run it without an account anywhere.
"""

import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from events import database, hub
from fastapi import FastAPI, HTTPException, Request, UploadFile
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import JSONResponse
from orders import PRICES
from pydantic import BaseModel

from hardpoint import (
    CircuitOpenError,
    ConflictError,
    DeclinedError,
    HardpointError,
    InvalidRequestError,
    Money,
    NotFoundError,
    OutcomeUnknownError,
    TimedOutError,
)
from hardpoint.payments import DeclineReason, PaymentStatus

LINK_SECONDS = 600
log = logging.getLogger("uvicorn.error")


class NewOrder(BaseModel):
    """What the customer says of an order; the price is ours."""

    item: str
    email: str
    phone: str


class Means(BaseModel):
    """How the customer pays: a token that the browser got from the payment vendor."""

    payment_method: str


class Text(BaseModel):
    """A text message to the customer of an order."""

    body: str


@asynccontextmanager
async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
    """The hub starts and stops with the application, on a database that has the shop's table."""
    await run_in_threadpool(database.prepare)
    async with hub:
        yield


app = FastAPI(lifespan=lifespan)
inbox = hub.asgi()
app.mount("/webhooks", inbox)  # /webhooks/billing, /webhooks/texts
files = hub.file_server("files")
if files is not None:  # a bucket serves its own signed addresses
    app.mount("/files", files)


@app.put("/orders/{order_id}", status_code=201)
def place(order_id: str, new: NewOrder) -> dict[str, Any]:
    """Place an order; once more changes nothing."""
    if new.item not in PRICES:
        raise HTTPException(422, "we do not sell that")
    database.place(order_id, new.item, new.email, new.phone)
    return known(order_id)


@app.get("/orders/{order_id}")
def read(order_id: str) -> dict[str, Any]:
    """What the shop knows of an order."""
    return known(order_id)


@app.post("/orders/{order_id}/page")
async def page(order_id: str) -> dict[str, str | None]:
    """Where the customer pays: the vendor's own page, the same one however often they click."""
    order = await run_in_threadpool(known, order_id)
    await run_in_threadpool(in_one_way, order_id, "page")
    back = f"{hub.settings.public_url}/orders/{order_id}"
    checkout = await hub.payments("billing").create_checkout(
        Money(order["amount"], order["currency"]),
        success_url=back,
        reference=order_id,
        idempotency_key=f"page:{order_id}",
    )
    return {"page": checkout.id, "url": checkout.url}


@app.post("/orders/{order_id}/pay")
async def pay(order_id: str, means: Means) -> dict[str, str]:
    """Pay an order; however often the customer clicks, the money is taken once.

    An order has one payment, made under the order's own key, and every try to pay is a try at that
    payment: no two of them can both succeed, with whatever cards.
    """
    order = await run_in_threadpool(known, order_id)
    await run_in_threadpool(in_one_way, order_id, "card")
    gateway = hub.payments("billing")
    payment = await gateway.create_payment(
        Money(order["amount"], order["currency"]),
        reference=order_id,
        idempotency_key=f"order:{order_id}",
    )
    payment = await gateway.confirm_payment(
        payment.id,
        payment_method=means.payment_method,
        return_url=f"{hub.settings.public_url}/orders/{order_id}",
        idempotency_key=f"order:{order_id}:{means.payment_method}",
    )
    taken = payment.status is PaymentStatus.SUCCEEDED
    return {"payment": payment.id, "status": "paid" if taken else payment.status}


@app.post("/orders/{order_id}/text")
async def text(order_id: str, new: Text) -> dict[str, str]:
    """Text the customer."""
    order = await run_in_threadpool(known, order_id)
    message = await hub.sms("texts").send(to=order["phone"], body=new.body)
    return {"message": message.id, "status": message.status}


@app.put("/orders/{order_id}/files/{name}", status_code=201)
async def upload(order_id: str, name: str, file: UploadFile) -> dict[str, Any]:
    """Keep a file; it is streamed, and the event loop goes on meanwhile."""
    await run_in_threadpool(known, order_id)
    stored = await hub.storage("files").upload(f"orders/{order_id}/{name}", file.file)
    return {"key": stored.key, "size": stored.size}


@app.get("/orders/{order_id}/files/{name}")
async def link(order_id: str, name: str) -> dict[str, Any]:
    """An address where the file can be fetched for ten minutes; keep the key, never the address."""
    key = f"orders/{order_id}/{name}"
    await hub.storage("files").head(key)
    url = await hub.storage("files").sign_url(key, expires=LINK_SECONDS)
    return {"url": url, "expires_in": LINK_SECONDS}


@app.get("/vendors")
def vendors() -> dict[str, str]:
    """How each vendor fares: the state of its circuit."""
    return {name: hub.policy(name).breaker.state for name in hub.settings.connections}


def known(order_id: str) -> dict[str, Any]:
    order = database.find(order_id)
    if order is None:
        raise HTTPException(404, "no such order")
    return order


def in_one_way(order_id: str, means: str) -> None:
    if not database.settle_means(order_id, means):
        raise HTTPException(409, "this order is paid in another way")


@app.exception_handler(HardpointError)
def failed(_request: Request, error: HardpointError) -> JSONResponse:
    """What a customer may know of a failed call; the vendor's own words stay in our log."""
    log.warning("%s: %s", type(error).__name__, error)
    status, detail, headers = 502, "That did not work. Try again later.", {}
    match error:
        case DeclinedError():
            status, detail = 402, DeclineReason(error.reason).advice
        case OutcomeUnknownError() | TimedOutError():
            # It may have happened. The webhook tells; asking again with the same key is harmless.
            status, detail = 202, "We will tell you as soon as we know."
        case InvalidRequestError() if error.status is None:
            status, detail = 422, f"{error.field} is not usable"
        case ConflictError():
            status, detail = 409, "That is done already, or cannot be done now."
        case NotFoundError():
            status, detail = 404, "There is no such thing."
        case CircuitOpenError():
            status, detail = 503, "Try again soon."
            headers = {"retry-after": str(max(1, round(error.retry_after or 1)))}
    return JSONResponse({"detail": detail}, status, headers)
