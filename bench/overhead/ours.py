"""Our rows."""

from bench.overhead.rows import FAR, PLENTY, Boom, opened, opened_sync, row
from hardpoint import Breaker, Budget, Bulkhead, Policy, RateLimit, Retry

RETRY = Retry(3, on=Boom, backoff=0)
BUDGETED = Retry(3, on=Boom, backoff=0, budget=Budget(ratio=0.2, floor=PLENTY))
ROW = Breaker(failures=5, recovery=FAR, recovery_max=FAR, on=Boom)
WINDOW = Breaker(rate=1.0, slow=(5, 1.0), window=30, recovery=FAR, recovery_max=FAR, on=Boom)
RATE = RateLimit(PLENTY, burst=PLENTY)
BULKHEAD = Bulkhead(100)

POLICIES = {
    "nothing": {},
    "retry": {"retry": RETRY},
    "rate limit": {"rate": RATE},
    "bulkhead": {"bulkhead": BULKHEAD},
    "breaker": {"breaker": ROW},
    "windowed breaker": {"breaker": WINDOW},
    "timeout": {"timeout": 60},
    "retry + breaker": {"retry": RETRY, "breaker": ROW},
    "retry + breaker + timeout": {"retry": RETRY, "breaker": ROW, "timeout": 60},
    "full stack": {
        "deadline": FAR,
        "timeout": 60,
        "retry": BUDGETED,
        "breaker": WINDOW,
        "rate": RATE,
        "bulkhead": BULKHEAD,
    },
}
"""What each row's policy is made of; its name is the row's."""


def guard(name: str) -> Policy:
    return Policy(name, **POLICIES[name])


def declare() -> None:
    for name in POLICIES:
        row("async", f"hardpoint {name}", kind="ours")(lambda f, name=name: guard(name)(f))
    for name in ("retry", "retry + breaker", "retry + breaker + timeout", "full stack"):
        row("async", f"hardpoint {name}", "failed attempt", kind="ours")(
            lambda f, name=name: guard(name)(f)
        )
        row("sync", f"hardpoint {name}", "success", "failed attempt", kind="ours")(
            lambda f, name=name: guard(name)(f)
        )
    name = "retry + breaker"
    row("async", f"hardpoint {name}", "rejection", kind="ours")(lambda f: opened(guard(name)(f)))
    row("sync", f"hardpoint {name}", "rejection", kind="ours")(
        lambda f: opened_sync(guard(name)(f))
    )


declare()
