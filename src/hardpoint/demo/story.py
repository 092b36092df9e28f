"""The story the demo tells, step by step, and the counts that have to hold at its end."""

import asyncio
import json
import secrets
import subprocess
import sys
import tempfile
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Any, final

import httpx2
from rich.console import Console
from rich.table import Table

from hardpoint.demo.gateway import Gateway
from hardpoint.demo.orders import FLAKY_ORDER, HELD_ORDER
from hardpoint.demo.vendors import Vendors

SETTLE_SECONDS = 12.0


def run(console: Console, *, once: bool) -> int:
    """Tell the story. Gives the exit code: 0 when every count holds, 1 otherwise.

    Args:
        console: where it is told.
        once: leave at the end; otherwise stay up until interrupted (`KeyboardInterrupt`).
    """
    with tempfile.TemporaryDirectory(prefix="hardpoint-demo-") as folder:
        return asyncio.run(_play(Story(console, Path(folder)), once=once))


async def _play(story: "Story", *, once: bool) -> int:
    try:
        holds = await story.tell()
        if not once:
            await asyncio.to_thread(story.stay)
    finally:
        story.gateway.stop()
    return 0 if holds else 1


@final
class Story:
    """One shop, one gateway, and a bad day."""

    def __init__(self, console: Console, folder: Path) -> None:
        self._console = console
        self._billing = "whsec_" + secrets.token_hex(16)
        self._code = secrets.token_hex(16)
        self.gateway = Gateway(
            folder,
            {"STRIPE_WEBHOOK_SECRET": self._billing, "GITHUB_WEBHOOK_SECRET": self._code},
        )

    async def tell(self) -> bool:
        """Everything that happens; True when every count holds."""
        console = self._console
        console.print("[bold]A shop takes webhooks from Stripe and GitHub through hardpoint.[/]\n")
        await self._step("the gateway starts on an empty folder", self.gateway.start())
        async with httpx2.AsyncClient(trust_env=False, timeout=10) as client:
            vendors = Vendors(client, self._billing, self._code)
            await self._ordinary(vendors)
            await self._hostile(vendors)
            await self._settled(vendors, lambda counts: counts["lost"] == 0, "all handled")
            await self._crash(vendors)
            counts = await self._settled(
                vendors, lambda counts: counts["lost"] == 0, "all handled after the restart"
            )
        return self._table(counts)

    async def _ordinary(self, vendors: Vendors) -> None:
        url = self.gateway.url
        await self._step(
            "order 1001 is paid; Stripe says so three times at once",
            asyncio.gather(*(vendors.payment(url, "1001") for _ in range(3))),
        )
        await self._step(
            "order 1002: the payment failed",
            vendors.payment(url, "1002", event_type="payment_intent.payment_failed"),
        )
        await self._step(
            f"order {FLAKY_ORDER} is paid; the shop's handler fails twice",
            vendors.payment(url, FLAKY_ORDER),
        )

    async def _hostile(self, vendors: Vendors) -> None:
        url = self.gateway.url
        await self._step("someone forges a payment", vendors.payment(url, "6661", forged=True))
        await self._step(
            "someone replays one from ten minutes ago", vendors.payment(url, "6662", age=600)
        )
        await self._step(
            "someone changes the amount on the way", vendors.payment(url, "6663", tampered=True)
        )
        await self._step("GitHub tells of a push", vendors.push(url, "delivery-1"))
        await self._step(
            "the same push again, under a new id nobody signed", vendors.push(url, "delivery-2")
        )

    async def _crash(self, vendors: Vendors) -> None:
        self.gateway.hold.touch()
        await self._step(
            f"order {HELD_ORDER} is paid: stored, acknowledged, its handler has begun",
            vendors.payment(self.gateway.url, HELD_ORDER),
        )
        self.gateway.kill()
        self._say("the gateway is killed with SIGKILL, before the order is marked", "kill -9")
        self.gateway.hold.unlink()
        await self._step("it starts again", self.gateway.start())

    async def _settled(
        self, vendors: Vendors, enough: Callable[[dict[str, Any]], bool], what: str
    ) -> dict[str, Any]:
        """Count in a separate process until it is enough, or time is up."""
        deadline = asyncio.get_running_loop().time() + SETTLE_SECONDS
        while True:
            counts = await asyncio.to_thread(self._count, vendors.acknowledged)
            late = asyncio.get_running_loop().time() > deadline
            if late or (enough(counts) and counts["counters"] == _COUNTERS):
                self._say(what, "not in time" if late else "yes")
                return counts
            await asyncio.sleep(0.1)

    def _count(self, acknowledged: Sequence[str]) -> dict[str, Any]:
        done = subprocess.run(  # noqa: S603 - this very program
            [sys.executable, "-m", "hardpoint.demo.tally", str(self.gateway.database)],
            input="\n".join(acknowledged),
            capture_output=True,
            text=True,
            check=True,
        )
        return json.loads(done.stdout)

    def _table(self, counts: dict[str, Any]) -> bool:
        table = Table(title="\nWhat a separate process finds in the database", title_justify="left")
        table.add_column("")
        table.add_column("expected", justify="right")
        table.add_column("found", justify="right")
        rows = _rows(counts)
        for label, expected, found in rows:
            style = "green" if expected == found else "bold red"
            table.add_row(label, str(expected), f"[{style}]{found}[/]")
        self._console.print(table)
        holds = all(expected == found for _, expected, found in rows)
        verdict = "[bold green]Every count holds.[/]" if holds else "[bold red]A count is off.[/]"
        self._console.print(f"\n{verdict}")
        return holds

    def stay(self) -> None:
        """Keep the gateway up and say what to try."""
        configuration = self.gateway.configuration
        self._console.print(
            "\nThe gateway stays up. In another terminal, try:\n"
            f"  export STRIPE_WEBHOOK_SECRET={self._billing} GITHUB_WEBHOOK_SECRET={self._code}\n"
            f"  hardpoint trigger stripe payment_intent.succeeded --times 2 "
            f"--config {configuration} --to {self.gateway.url}/webhooks/billing\n"
            f"  hardpoint events list --config {configuration}\n"
            f"  kill -9 {self.gateway.pid}\n"
            "Ctrl-C ends it.",
            highlight=False,
            soft_wrap=True,
        )
        self.gateway.wait()

    async def _step(self, what: str, doing: Awaitable[int | list[int] | None]) -> None:
        match await doing:
            case None:
                self._say(what, "ok")
            case int(status):
                self._say(what, str(status))
            case statuses:
                self._say(what, " ".join(map(str, statuses)))

    def _say(self, what: str, result: str) -> None:
        self._console.print(f"  {what:<64} [cyan]{result}[/]", highlight=False, soft_wrap=True)


_COUNTERS = {
    "billing": {"duplicate": 2, "signature_mismatch": 2, "stale_timestamp": 1},
}


def _rows(counts: dict[str, Any]) -> list[tuple[str, Any, Any]]:
    billing = counts["counters"].get("billing", {})
    paid = [order for order in counts["orders"] if order["status"] == "paid"]
    failed = [order for order in counts["orders"] if order["status"] == "failed"]
    return [
        ("events accepted", 5, counts["accepted"]),
        ("duplicates", 2, billing.get("duplicate", 0)),
        (
            "refused: forged or tampered (signature_mismatch)",
            2,
            billing.get("signature_mismatch", 0),
        ),
        ("refused: replayed late (stale_timestamp)", 1, billing.get("stale_timestamp", 0)),
        ("quarantined: known body under a new id", 1, counts["quarantined"]),
        ("orders paid", 3, len(paid)),
        ("orders paid more than once", 0, sum(order["times"] != 1 for order in paid)),
        ("orders whose payment failed", 1, len(failed)),
        ("events retried until they succeeded", 1, counts["retried"]),
        ("dead letters", 0, counts["dead"]),
        ("acknowledged events lost", 0, counts["lost"]),
    ]
