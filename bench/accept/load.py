"""The load: signs unique events ahead of time, then posts them over connections kept alive.

    python -m bench.accept.load URL --secret S --name RUN --events 10000 --connections 64

Tells one result. It runs in a process of its own, so that the server's CPU time is its own.
"""

import argparse
import asyncio
import gc
import hashlib
import hmac
import json
import time
from urllib.parse import urlsplit

from bench.results import tell

OBJECT = {
    "id": "@ID@",
    "object": "event",
    "api_version": "2025-03-31.basil",
    "created": 1_700_000_000,
    "data": {
        "object": {
            "id": "pi_@ID@",
            "object": "payment_intent",
            "amount": 4200,
            "amount_capturable": 0,
            "amount_details": {"tip": {}},
            "amount_received": 4200,
            "automatic_payment_methods": {"allow_redirects": "always", "enabled": True},
            "capture_method": "automatic",
            "confirmation_method": "automatic",
            "created": 1_700_000_000,
            "currency": "eur",
            "customer": "cus_bench",
            "description": "Crème brûlée, 3 pièces",
            "last_payment_error": None,
            "livemode": False,
            "metadata": {"order": "order_@ID@", "tenant": "north", "note": "n" * 700},
            "next_action": None,
            "payment_method": "pm_bench",
            "payment_method_options": {"card": {"request_three_d_secure": "automatic"}},
            "payment_method_types": ["card", "link"],
            "receipt_email": "buyer@example.test",
            "shipping": {
                "address": {"city": "Lyon", "country": "FR", "line1": "1 rue Neuve"},
                "name": "A. Martin",
                "phone": None,
            },
            "statement_descriptor": None,
            "status": "succeeded",
            "transfer_data": None,
        }
    },
    "livemode": False,
    "pending_webhooks": 1,
    "request": {"id": "req_bench", "idempotency_key": "0b1f3a52-57a2-4f0a-a1c5-8c7d2f0c7f8e"},
    "type": "payment_intent.succeeded",
}
BODY_BYTES = 2048
TEXT = json.dumps(OBJECT, separators=(",", ":"), ensure_ascii=False)
ID_LENGTH = 32


def body_of(name: str, number: int) -> bytes:
    """An event of 2 KB with an id of its own."""
    identifier = f"evt_{name}{number}".ljust(ID_LENGTH, "x")
    plain = TEXT.replace("@ID@", identifier).encode()
    return plain.replace(b'"n', b'"' + b"p" * (BODY_BYTES - len(plain)) + b"n", 1)


def requests(url: str, secret: str, name: str, count: int) -> list[bytes]:
    """Whole requests, signed now."""
    parts = urlsplit(url)
    now = b"%d" % time.time()
    made: list[bytes] = []
    for number in range(count):
        body = body_of(name, number)
        mac = hmac.digest(secret.encode(), now + b"." + body, hashlib.sha256).hex()
        head = (
            f"POST {parts.path} HTTP/1.1\r\nHost: {parts.netloc}\r\n"
            "Content-Type: application/json; charset=utf-8\r\nUser-Agent: Stripe/1.0\r\n"
            "Accept: */*\r\nCache-Control: no-cache\r\n"
            f"Stripe-Signature: t={now.decode()},v1={mac}\r\nContent-Length: {len(body)}\r\n\r\n"
        )
        made.append(head.encode() + body)
    return made


class Run:
    """What is left to send, and how it went."""

    def __init__(self, made: list[bytes], done: asyncio.Future[None]) -> None:
        self.left = made[::-1]
        self.count = len(made)
        self.done = done
        self.refused = 0
        self.seconds: list[float] = []

    def answered(self, status: bytes, seconds: float) -> None:
        self.seconds.append(seconds)
        self.refused += status != b"200"
        if len(self.seconds) == self.count and not self.done.done():
            self.done.set_result(None)

    def failed(self, error: BaseException | None) -> None:
        if not self.done.done():
            self.done.set_exception(ConnectionError(f"the server hung up: {error}"))


class Connection(asyncio.Protocol):
    """Sends the next request as soon as the last one is answered."""

    def __init__(self, run: Run) -> None:
        self.run = run
        self.heard = b""

    def connection_made(self, transport) -> None:
        self.transport = transport
        self.send()

    def send(self) -> None:
        if self.run.left:
            self.began = time.perf_counter()
            self.transport.write(self.run.left.pop())

    def data_received(self, data: bytes) -> None:
        self.heard += data
        head, separator, body = self.heard.partition(b"\r\n\r\n")
        if not separator:
            return
        length = int(head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0])
        if len(body) < length:
            return
        self.heard = b""
        self.run.answered(head[9:12], time.perf_counter() - self.began)
        self.send()

    def connection_lost(self, exc) -> None:
        self.run.failed(exc)


async def play(url: str, made: list[bytes], connections: int) -> dict[str, float]:
    loop = asyncio.get_running_loop()
    run = Run(made, loop.create_future())
    host, port = urlsplit(url).hostname, urlsplit(url).port
    began = time.perf_counter()
    opened = [
        (await loop.create_connection(lambda: Connection(run), host, port))[0]
        for _ in range(min(connections, run.count))
    ]
    await run.done
    took = time.perf_counter() - began
    for transport in opened:
        transport.close()
    seconds = sorted(run.seconds)
    return {
        "events": run.count,
        "refused": run.refused,
        "per_second": run.count / took,
        "p50_ms": seconds[len(seconds) // 2] * 1000,
        "p99_ms": seconds[len(seconds) * 99 // 100] * 1000,
    }


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("url")
    parser.add_argument("--secret", required=True)
    parser.add_argument("--name", required=True)
    parser.add_argument("--events", type=int, default=10_000)
    parser.add_argument("--connections", type=int, default=64)
    given = parser.parse_args()
    made = requests(given.url, given.secret, given.name, given.events)
    gc.disable()
    try:
        import uvloop

        factory = uvloop.new_event_loop
    except ImportError:
        factory = asyncio.new_event_loop
    with asyncio.Runner(loop_factory=factory) as runner:
        result = runner.run(play(given.url, made, given.connections))
    tell(result)


if __name__ == "__main__":
    main()
