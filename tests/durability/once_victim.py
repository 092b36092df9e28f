"""A hub whose handlers charge and text, in a process that dies again and again.

Run as `python once_victim.py FOLDER URLS SEED KILLS`, with what `once_vendors.py` has printed. It
loads everything once and forks each life from there, so that a life costs milliseconds. Each life
takes in three new orders and goes on with what the one before has left. It prints a line for each:
where it was to die, and how it ended. The lives after `KILLS` are to finish everything; the very
last one retries what was parked and never reached its vendor, as a person would who has looked.
"""

import asyncio
import dataclasses
import hashlib
import json
import os
import random
import signal
import sys
import time
from pathlib import Path

import msgspec

from hardpoint.calls.connection import Connection
from hardpoint.core.identifiers import Uuid7
from hardpoint.core.money import Money
from hardpoint.core.secrets import Secret
from hardpoint.http.asynchronous import AsyncTransport
from hardpoint.http.blocking import BlockingTransport
from hardpoint.hub.hub import Hub
from hardpoint.hub.settings import Settings, SourceSettings, StoreSettings
from hardpoint.payments.api import PaymentGateway
from hardpoint.providers.stripe import Stripe
from hardpoint.providers.stripe.fake import SECRET_KEY
from hardpoint.providers.stripe.payments import StripePayments
from hardpoint.providers.twilio import Twilio
from hardpoint.providers.twilio.fake import ACCOUNT_SID, AUTH_TOKEN, SENDER
from hardpoint.providers.twilio.sms import TwilioSms
from hardpoint.runtime.asynchronous import AsyncRuntime
from hardpoint.runtime.blocking import BlockingRuntime
from hardpoint.sms.api import SmsSender
from hardpoint.sms.driver import SmsCapability
from hardpoint.store.driver import NewEvent
from hardpoint.store.journalling import StoreJournal
from hardpoint.sync.sms import SmsSender as BlockingSender

HANDLERS = ("pay", "page", "text", "tell")
TO = "+4917012345678"
POINTS = (
    *("stripe.acted", "texts.acted", "blind.acted"),
    *("stripe.replied", "texts.replied", "blind.replied"),
    *("texts.begin", "blind.begin", "texts.begun", "blind.begun", "texts.ended", "blind.ended"),
    *("pay.handled", "text.handled", "tell.handled", "pay.write", "text.write", "tell.write"),
    *("page.handled", "page.write"),
    "random",
    "random",
)
ids = Uuid7()


def told(point: str, status: int) -> None:
    os.write(1, f"{point} {status}\n".encode())


class Fate:
    """Where this life is to end: at the `count`th time that it passes the point."""

    def __init__(self, folder: Path, point: str, count: int) -> None:
        self.point, self.count = point, count
        vendor, _, verb = point.partition(".")
        if verb == "acted":
            (folder / f"{vendor}.strike").write_text(str(os.getpid()))

    def at(self, point: str) -> None:
        if point == self.point:
            self.count -= 1
            if self.count == 0:
                os.kill(os.getpid(), signal.SIGKILL)


class Watched:
    """A driver whose answers may be the last thing that is heard."""

    def __init__(self, driver, name: str, fate: Fate, flags=None) -> None:
        self._driver, self._name, self._fate = driver, name, fate
        self.capabilities = driver.capabilities
        if flags is not None:
            self.capabilities = dataclasses.replace(
                driver.capabilities, flags=flags, settle_seconds=0.2
            )

    def __getattr__(self, name: str):
        return getattr(self._driver, name)

    async def create_payment(self, new, *, idempotency_key):
        result = await self._driver.create_payment(new, idempotency_key=idempotency_key)
        self._fate.at(f"{self._name}.replied")
        return result

    async def create_checkout(self, new, *, idempotency_key):
        result = await self._driver.create_checkout(new, idempotency_key=idempotency_key)
        self._fate.at(f"{self._name}.replied")
        return result

    async def send(self, new, *, idempotency_key):  # in a loop, or stepped in a thread
        result = await self._driver.send(new, idempotency_key=idempotency_key)
        self._fate.at(f"{self._name}.replied")
        return result


class Journal:
    """A journal around whose writing the process may die."""

    def __init__(self, journal, name: str, fate: Fate) -> None:
        self._journal, self._name, self._fate = journal, name, fate

    def __getattr__(self, name: str):
        return getattr(self._journal, name)

    async def begin(self, intent):
        self._fate.at(f"{self._name}.begin")
        entry = await self._journal.begin(intent)
        self._fate.at(f"{self._name}.begun")
        return entry

    async def end(self, *arguments):
        await self._journal.end(*arguments)
        self._fate.at(f"{self._name}.ended")


def the_hub(folder: Path, urls: dict[str, str], fate: Fate) -> Hub:
    source = SourceSettings(name="shop", provider="stripe", secrets=(Secret.value("whsec_shop"),))
    hub = Hub(
        Settings(store=StoreSettings(path=folder / "shop.db"), webhooks={source.name: source})
    )
    hub.worker._suspects._crash_limit = 10**6  # the same job may well be the victim each time
    transport = AsyncTransport()
    stripe = StripePayments(
        transport, Stripe(secret_key=Secret.value(SECRET_KEY), base_url=urls["stripe"])
    )
    payments = PaymentGateway(
        Watched(stripe, "stripe", fate), Connection("billing", AsyncRuntime(), journal=hub.journal)
    )

    def texts(name: str, flags, *, blocking: bool = False) -> SmsSender:
        journal = StoreJournal(hub.store, blocking=True) if blocking else hub.journal
        account = Twilio(
            account_sid=ACCOUNT_SID,
            secret=Secret.value(AUTH_TOKEN),
            from_=SENDER,
            base_url=urls[name],
        )
        return SmsSender(
            Watched(
                TwilioSms(BlockingTransport() if blocking else transport, account),
                name,
                fate,
                flags,
            ),
            Connection(
                name,
                BlockingRuntime() if blocking else AsyncRuntime(),
                journal=Journal(journal, name, fate),
            ),
        )

    found = texts("texts", frozenset(SmsCapability))
    blind = BlockingSender(texts("blind", frozenset(), blocking=True))

    def kept(job, table: str, order: str, identifier: str) -> None:
        fate.at(f"{table}.handled")

        def write(tx) -> None:
            tx.execute(f"insert into {table} values (?, ?)", (order, identifier))
            fate.at(f"{table}.write")

        job.write(write)

    async def pay(event, job):
        payment = await payments.create_payment(
            Money("10.00", "EUR"), payment_method="pm_card_visa", reference=event.vendor_id
        )
        kept(job, "pay", event.vendor_id, payment.id)

    async def page(event, job):
        made = await payments.create_checkout(
            Money("10.00", "EUR"),
            success_url="https://shop.example/thanks",
            reference=event.vendor_id,
        )
        kept(job, "page", event.vendor_id, made.id)

    async def text(event, job):
        message = await found.send(to=TO, body=f"order {event.vendor_id}")
        kept(job, "text", event.vendor_id, message.id)

    def tell(event, job):
        message = blind.send(to=TO, body=f"order {event.vendor_id}")
        kept(job, "tell", event.vendor_id, message.id)

    for function in (pay, page, text, tell):
        hub.handlers.add("", "", function, retry=[0.02] * 500)
    return hub


def order(hub: Hub, name: str):
    body = msgspec.json.encode({"order": name})
    event = NewEvent(
        id=ids(),
        source="shop",
        vendor_id=name,
        type="order.placed",
        account=None,
        asserted=False,
        received_at=time.time(),
        signed_at=None,
        correlation_id=name,
        headers=b"{}",
        body=body,
        body_sha256=hashlib.sha256(body).digest(),
        handlers=HANDLERS,
        lease=False,
    )
    answer = asyncio.get_running_loop().create_future()
    hub.store.accept(event, answer.set_result)
    return answer


async def live(hub: Hub, orders: list[str], retried: list[str]) -> None:
    async with asyncio.timeout(120), hub:
        await asyncio.gather(*(order(hub, name) for name in orders))
        for event in retried:
            await hub.retry(event, "tell")
        hub.worker.notify()
        while hub.worker.running or await hub.store.next_due(HANDLERS) is not None:
            await asyncio.sleep(0.005)


def one_life(hub_of, orders, retried, after: float | None) -> int:
    """Fork a life, kill it after so many seconds if it is not to end by itself; its status."""
    child = os.fork()
    if child == 0:
        try:
            asyncio.run(live(hub_of(), orders, retried))
        except BaseException:
            import traceback

            traceback.print_exc()
            os._exit(1)
        os._exit(0)
    if after is not None:
        time.sleep(after)
        os.kill(child, signal.SIGKILL)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def main(folder: str, urls: str, seed: str, kills: str) -> None:
    chance, where = random.Random(int(seed)), Path(folder)
    addresses = json.loads(urls)

    def hub_of(point: str = "never", count: int = 1):
        return lambda: the_hub(where, addresses, Fate(where, point, count))

    died, life = 0, 0
    while died < int(kills):
        point = POINTS[life % len(POINTS)]
        orders = [f"{life}-{number}" for number in range(3)]
        after = chance.uniform(0.02, 0.3) if point == "random" else None
        status = one_life(hub_of(point, chance.randint(1, 2)), orders, [], after)
        died += status == -signal.SIGKILL
        life += 1
        told(point, status)
    for strike in where.glob("*.strike"):
        strike.unlink()
    told("last", one_life(hub_of(), [], [], None))
    retried = json.loads(sys.stdin.readline())
    told("retried", one_life(hub_of(), [], retried, None))


if __name__ == "__main__":
    main(*sys.argv[1:])
