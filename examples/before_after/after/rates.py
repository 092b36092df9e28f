"""Three tries in ten seconds, no more while the vendor is down, and a way without it."""

from decimal import Decimal

import httpx2

from hardpoint import Breaker, Policy, Retry

KNOWN = {"USD": Decimal("1.08")}
http = httpx2.AsyncClient(base_url="https://rates.vendor.example", timeout=5)
rates = Policy("rates", deadline=10, timeout=3, retry=Retry(3, on="transient"), breaker=Breaker())


@rates
async def fresh(currency: str) -> Decimal:
    answer = await http.get("/latest", params={"base": currency})
    answer.raise_for_status()
    return Decimal(answer.json()["rate"])
