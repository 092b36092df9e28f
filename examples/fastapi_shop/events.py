"""What the shop does when a vendor tells it something. Each handler is a job of its own."""

import asyncio
import os
from pathlib import Path
from typing import Any

import orders
from orders import Orders

from hardpoint import Event, Hub, Job, RetryAfter, Skip
from hardpoint.chat import bold
from hardpoint.payments import PaymentApproved, PaymentFailed, PaymentSucceeded
from hardpoint.sms import MessageChanged, MessageStatus, merge

hub = Hub.load(os.environ.get("SHOP_CONFIG", Path(__file__).parent / "hardpoint.toml"))
database = Orders(hub.settings.store.path)

SOON = (1.0, 2.0, 4.0, 8.0, 30.0, 120.0, 600.0, 3600.0)
"""When a message to a customer is tried again: one that is late by hours is of no use."""


# Vendors' events have names of their own, and `parse_event` reads them into the same values. So
# handlers take every event of a source and go by what they are told; the vendor is configuration.


@hub.on("billing", "*")
async def take_what_was_approved(event: Event, job: Job) -> None:
    """Some vendors' pages take no money: the customer agrees there, and the shop takes it, once."""
    told = hub.payments("billing").parse_event(event.body)
    if not isinstance(told, PaymentApproved):
        raise Skip("nothing waits to be taken")
    await hub.payments("billing").confirm_payment(told.payment_id, idempotency_key=job.key("take"))


@hub.on("billing", "*")
async def mark_paid(event: Event, job: Job) -> None:
    """The order is paid, whatever becomes of its receipt."""
    told = payment_of(event)
    job.write(lambda tx: orders.paid(tx, told.reference or "", told.payment_id))


@hub.on("billing", "*", retry=SOON)
async def send_receipt(event: Event, job: Job) -> None:
    """The mail is another job: while the mail vendor is down, it waits, and the order is paid."""
    told = payment_of(event)
    order = await order_of(told.reference)
    email = await hub.email("mail").send(
        to=order["email"],
        subject=f"Your order {order['id']}",
        text=f"Thank you. We have received {told.amount}.",
        idempotency_key=job.key("receipt"),
    )
    job.write(lambda tx: orders.receipt_sent(tx, order["id"], email.id))


@hub.on("billing", "*", retry=SOON)
async def tell_staff(event: Event, job: Job) -> None:
    """A line in the shop's own chat, where it has one."""
    if "ops" not in hub.settings.connections:
        raise Skip("the shop has no chat")
    told = payment_of(event)
    post = await hub.chat("ops").post(
        ["Order ", bold(told.reference or ""), f" is paid: {told.amount}."],
        idempotency_key=job.key("chat"),
    )
    job.write(lambda tx: orders.staff_told(tx, told.reference or "", post.id))


@hub.on("billing", "*", retry=SOON)
async def tell_customer(event: Event, job: Job) -> None:
    """`advice` is fit for the customer's eyes; the reason is not always."""
    told = hub.payments("billing").parse_event(event.body)
    if not isinstance(told, PaymentFailed):
        raise Skip("it is about something else")
    order = await order_of(told.reference)
    message = await hub.sms("texts").send(
        to=order["phone"],
        body=f"Order {order['id']}: {told.advice}",
        idempotency_key=job.key("text"),
    )
    job.write(lambda tx: orders.failed(tx, order["id"], message.id))


@hub.on("texts", "message.*", retry=SOON)
async def text_changed(event: Event, job: Job) -> None:
    """Statuses come in any order, and more than once."""
    told = hub.sms("texts").parse_event(event.body)
    if told is None:
        raise Skip("it is about something else")
    await hub.sms("texts").heed(told)  # whoever says STOP is texted no more
    if not isinstance(told, MessageChanged):
        raise Skip("somebody texted us")

    def merged(before: str | None) -> str:
        return merge(MessageStatus(before or MessageStatus.UNKNOWN), told.status)

    job.write(lambda tx: orders.text_changed(tx, told.message_id, merged))


def payment_of(event: Event) -> PaymentSucceeded:
    told = hub.payments("billing").parse_event(event.body)
    if not isinstance(told, PaymentSucceeded) or told.reference is None:
        raise Skip("it is no payment of an order")
    return told


async def order_of(reference: str | None) -> dict[str, Any]:
    order = await asyncio.to_thread(database.find, reference or "")
    if order is None:
        raise RetryAfter(60, f"order {reference} is not here yet")
    return order
