"""What the blocking facade costs where nothing else does: a driver whose effect returns at once."""

import asyncio
import time
from collections.abc import Callable
from typing import Any

from hardpoint.calls.connection import Connection
from hardpoint.core.capabilities import Capabilities, Idempotency
from hardpoint.core.money import Money
from hardpoint.http.messages import Request, Response
from hardpoint.payments import PaymentGateway
from hardpoint.payments.types import Payment, PaymentStatus
from hardpoint.runtime.asynchronous import AsyncRuntime
from hardpoint.runtime.blocking import BlockingRuntime, step
from hardpoint.runtime.effects import Runtime
from hardpoint.sync.payments import PaymentGateway as BlockingGateway

NOTHING = Money("0", "EUR")
PAYMENT = Payment(
    id="pi_1",
    status=PaymentStatus.SUCCEEDED,
    vendor_status="succeeded",
    amount=Money("19.99", "EUR"),
    captured=Money("19.99", "EUR"),
    refunded=NOTHING,
    created=1_760_000_000.0,
)
REQUEST = Request(method="GET", url="http://127.0.0.1/")
RESPONSE = Response(status=200, headers={}, body=b"{}")


class Null:
    """A transport that is done at once, and a driver that awaits it."""

    provider = "null"
    capabilities = Capabilities(frozenset(), idempotency=Idempotency.NATIVE)

    async def send(self, request: Request) -> Response:
        return RESPONSE

    async def get_payment(self, payment_id: str) -> Payment:
        await self.send(REQUEST)
        return PAYMENT


DRIVER = "the driver, stepped"
AWAITED = "its port, awaited"
FACADE = "its port, blocking"


def port(runtime: Runtime) -> PaymentGateway:
    driver: Any = Null()
    return PaymentGateway(driver, Connection("shop", runtime))


def blocking(call: Callable[[], Any], count: int) -> float:
    began = time.process_time_ns()
    for _ in range(count):
        call()
    return (time.process_time_ns() - began) / count / 1000


async def awaited(call: Callable[[], Any], count: int) -> float:
    began = time.process_time_ns()
    for _ in range(count):
        await call()
    return (time.process_time_ns() - began) / count / 1000


def measure(rounds: int, count: int = 5000) -> dict[str, float]:
    """Micro-seconds of CPU per call, the best round's."""
    driver, awaiting = Null(), port(AsyncRuntime())
    facade = BlockingGateway(port(BlockingRuntime()))
    best = dict.fromkeys((DRIVER, AWAITED, FACADE), float("inf"))
    with asyncio.Runner() as runner:
        for _ in range(rounds):
            spent = (
                blocking(lambda: step(driver.get_payment("pi_1")), count),
                runner.run(awaited(lambda: awaiting.get_payment("shop:pi_1"), count)),
                blocking(lambda: facade.get_payment("shop:pi_1"), count),
            )
            best = {name: min(best[name], us) for name, us in zip(best, spent, strict=True)}
    return best
