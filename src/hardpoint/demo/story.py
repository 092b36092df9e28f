"""The story the demo tells, step by step, and the counts that have to hold at its end."""

import asyncio
import json
import subprocess
import sys
import tempfile
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, final

from rich.console import Console

from hardpoint.demo.counts import COUNTERS, rows, shown
from hardpoint.demo.customer import EMPTY_CARD, Customer
from hardpoint.demo.shop import Shop
from hardpoint.demo.vendors import Vendors
from hardpoint.demo.visitor import Visitor
from hardpoint.fakes.emitter import Chaos
from hardpoint.fakes.faults import Break, Fault, commit_then_drop, status

SETTLE_SECONDS = 20.0
POLL_SECONDS = 0.1
_CONFIRM = "POST /v1/payment_intents/*/confirm"
_TAKES_AND_HANGS = Fault(breaks=Break.HANG)
"""All done, and no answer, ever."""


def run(console: Console, *, once: bool) -> int:
    """Tell the story. Gives the exit code: 0 when every count holds, 1 otherwise.

    Args:
        console: where it is told.
        once: leave at the end; otherwise stay up until interrupted (`KeyboardInterrupt`).
    """
    with tempfile.TemporaryDirectory(prefix="hardpoint-demo-") as folder, Vendors() as vendors:
        return asyncio.run(_play(Story(console, Path(folder), vendors), once=once))


async def _play(story: "Story", *, once: bool) -> int:
    try:
        holds = await story.tell()
        if not once:
            await story.stay()
    finally:
        story.shop.stop()
    return 0 if holds else 1


@final
class Story:
    """One shop, its vendors, and a bad day."""

    def __init__(self, console: Console, folder: Path, vendors: Vendors) -> None:
        self._console = console
        self._vendors = vendors
        self.shop = Shop(folder, vendors.facts, vendors.secrets)

    async def tell(self) -> bool:
        """Everything that happens; True when every count holds."""
        self._console.print(
            "[bold]A shop takes payments with Stripe, texts with Twilio, mails with SendGrid,\n"
            "and hears back through webhooks. All of them have a bad day.[/]\n"
        )
        await self._step("the shop starts on an empty folder", self.shop.start())
        visitor = Visitor()
        try:
            customer = Customer(visitor, self.shop.url)
            await self._ordinary(customer)
            await self._failing(customer)
            await self._outage(customer)
            await self._hostile(visitor)
            await self._crash(customer)
            counts = await self._settled()
        finally:
            await visitor.close()
        return self._table(counts)

    async def _ordinary(self, customer: Customer) -> None:
        self._chapter("An ordinary order")
        await customer.order("1001")
        await self._step("order 1001 is paid", customer.pay("1001"))
        thrice = Chaos(duplicates=2, shuffled=True)
        await self._step(
            "Stripe tells of it three times, in no order", self._stripe_tells(chaos=thrice)
        )
        content = b"%PDF- the warranty"
        await self._step("a file goes along", customer.attach("1001", "warranty.pdf", content))
        url = await customer.link("1001", "warranty.pdf")
        await self._step("it is fetched by a signed address", _status(customer.fetch(url)))
        await self._step(
            "and not by one that somebody changed",
            _status(customer.fetch(url.replace("warranty", "invoices"))),
        )

    async def _failing(self, customer: Customer) -> None:
        self._chapter("Payments that fail")
        await customer.order("1002")
        await self._step("order 1002: the card has no money", customer.pay("1002", EMPTY_CARD))
        await self._step("Stripe tells of it", self._stripe_tells())
        await self._until("the customer is texted", lambda: customer.has("1002", "text"))
        disorder = Chaos(duplicates=1, shuffled=True)
        await self._step(
            "Twilio tells how far the text is, in no order, twice",
            self._vendors.twilio_tells(self.shop.url, disorder),
        )
        await customer.order("1003")
        self._vendors.stripe.faults.next(status(503), on=_CONFIRM)
        self._vendors.stripe.faults.next(commit_then_drop(), on=_CONFIRM)
        await self._step(
            "order 1003: Stripe answers 503, then takes the money and drops the line",
            customer.pay("1003"),
        )
        await self._step("Stripe tells of it", self._stripe_tells())
        await self._until("the receipt is sent", lambda: customer.has("1003", "receipt"))

    async def _outage(self, customer: Customer) -> None:
        self._chapter("SendGrid is down")
        await asyncio.to_thread(self._vendors.mail_goes_down)
        await customer.order("1004")
        await self._step("order 1004 is paid", customer.pay("1004"))
        await self._step("Stripe tells of it", self._stripe_tells())

        async def opened() -> bool:
            return (await customer.circuits())["mail"] == "open"

        await self._until("the circuit of the mail opens", opened, "open")
        order = await customer.look("1004")
        self._say("the order stays paid; its receipt waits", order["status"])
        await asyncio.to_thread(self._vendors.mail_comes_back)
        self._say("SendGrid is back", "ok")
        await self._until("the receipt follows", lambda: customer.has("1004", "receipt"))

    async def _hostile(self, visitor: Visitor) -> None:
        self._chapter("Visitors")
        shop, vendors = self.shop.url, self._vendors
        await self._step("someone forges a payment", vendors.forged(visitor, shop, "6661"))
        await self._step(
            "someone replays one from ten minutes ago",
            vendors.forged(visitor, shop, "6662", genuine=True, age=600),
        )
        await self._step(
            "someone changes the amount on the way",
            vendors.forged(visitor, shop, "6663", genuine=True, tampered=True),
        )
        await self._step("GitHub tells of a push", vendors.push(visitor, shop, "delivery-1"))
        await self._step(
            "the same push again, under a new id nobody signed",
            vendors.push(visitor, shop, "delivery-2"),
        )

        async def counted() -> bool:
            counts = await asyncio.to_thread(self._count)
            return counts["counters"].get("billing", {}) == COUNTERS

        await self._until("what was refused is counted, and nothing else of it kept", counted)

    async def _crash(self, customer: Customer) -> None:
        self._chapter("kill -9")
        await customer.order("1005")
        self._vendors.stripe.faults.next(_TAKES_AND_HANGS, on=_CONFIRM)
        charges = self._vendors.stripe.app.ledger
        before = charges.count("charge")
        paying = asyncio.create_task(customer.pay("1005"))

        async def charged() -> bool:
            return charges.count("charge") > before

        await self._until("order 1005: Stripe takes the money and does not answer", charged)
        self.shop.kill()
        self._say("the shop is killed, before it has recorded anything", "kill -9")
        await asyncio.gather(paying, return_exceptions=True)
        await self._step("it starts again", self.shop.start())
        await self._step("the customer clicks once more", customer.pay("1005"))
        self._vendors.sendgrid.faults.next(Fault(acts=False, breaks=Break.HANG))
        mails = self._vendors.sendgrid
        asked = mails.requests
        await self._step("Stripe tells of it", self._stripe_tells())

        async def sending() -> bool:
            return mails.requests > asked

        await self._until("its handlers have begun, the receipt is on its way", sending)
        self.shop.kill()
        self._say("the shop is killed again, in the middle of it", "kill -9")
        await self._step("it starts again", self.shop.start())

    async def _stripe_tells(self, chaos: Chaos | None = None) -> list[int]:
        return await self._vendors.stripe_tells(self.shop.url, chaos or Chaos())

    async def _settled(self) -> dict[str, Any]:
        """Count in a separate process until all is done, or time is up."""
        counts: dict[str, Any] = {}

        async def done() -> bool:
            counts.update(await asyncio.to_thread(self._count))
            return counts["finished"]

        await self._until("all events are handled, or wait for a person", done, "yes")
        return counts

    def _count(self) -> dict[str, Any]:
        asked = {
            "database": str(self.shop.database),
            "acknowledged": self._vendors.acknowledged,
            "ledgers": self._vendors.ledgers,
        }
        done = subprocess.run(
            [sys.executable, "-m", "hardpoint.demo.tally"],
            input=json.dumps(asked),
            capture_output=True,
            text=True,
            check=True,
        )
        return json.loads(done.stdout)

    def _table(self, counts: dict[str, Any]) -> bool:
        found = rows(counts)
        self._console.print(shown(found))
        holds = all(expected == value for _, expected, value in found)
        verdict = "[bold green]Every count holds.[/]" if holds else "[bold red]A count is off.[/]"
        self._console.print(f"\n{verdict}")
        return holds

    async def stay(self) -> None:
        """Keep the shop up and say what to try."""
        configuration, url = self.shop.configuration, self.shop.url
        exports = " ".join(f"{name}={value}" for name, value in self._vendors.secrets.items())
        self._console.print(
            "\nShop and vendors stay up. In another terminal, try:\n"
            f"  export {exports}\n"
            f"  hardpoint events list --config {configuration}\n"
            f"  hardpoint events list --state needs_reconcile --config {configuration}\n"
            f"  hardpoint trigger stripe payment_intent.succeeded --times 2 "
            f"--config {configuration} --to {url}/webhooks/billing\n"
            f"  curl {url}/orders/1005\n"
            f"  kill -9 {self.shop.pid}\n"
            "Ctrl-C ends it.",
            highlight=False,
            soft_wrap=True,
        )
        await self.shop.ended()

    async def _until(
        self, what: str, holds: Callable[[], Awaitable[bool]], result: str = "ok"
    ) -> None:
        deadline = asyncio.get_running_loop().time() + SETTLE_SECONDS
        while not await holds():
            if asyncio.get_running_loop().time() > deadline:
                self._say(what, "not in time")
                return
            await asyncio.sleep(POLL_SECONDS)
        self._say(what, result)

    async def _step(self, what: str, doing: Awaitable[int | list[int] | None]) -> None:
        match await doing:
            case None:
                self._say(what, "ok")
            case int(code):
                self._say(what, str(code))
            case codes:
                self._say(what, " ".join(map(str, codes)))

    def _chapter(self, title: str) -> None:
        self._console.print(f"\n[bold]{title}[/]")

    def _say(self, what: str, result: str) -> None:
        self._console.print(f"  {what:<72} [cyan]{result}[/]", highlight=False, soft_wrap=True)


async def _status(fetching: Awaitable[tuple[int, bytes]]) -> int:
    return (await fetching)[0]
