"""The server that every client talks to: keeps connections alive, answers what the vendors answer.

    python -m bench.outbound.vendor       # tells its port, and serves until its input ends

A request without what the vendor insists on (credentials, a key, the amount) is answered 400, so
that nobody saves by sending less.
"""

import asyncio
import json
import sys

from bench.outbound import replies
from bench.results import tell

INTENT = {
    "id": "pi_3SyBench0000000000000001",
    "object": "payment_intent",
    "amount": 1999,
    "amount_capturable": 0,
    "amount_details": {"tip": {}},
    "amount_received": 1999,
    "application": None,
    "application_fee_amount": None,
    "automatic_payment_methods": {"allow_redirects": "never", "enabled": True},
    "canceled_at": None,
    "cancellation_reason": None,
    "capture_method": "automatic",
    "client_secret": "pi_3SyBench0000000000000001_secret_0000000000000000000000000",
    "confirmation_method": "automatic",
    "created": 1_760_000_000,
    "currency": "eur",
    "customer": None,
    "description": "A book",
    "last_payment_error": None,
    "latest_charge": {
        "id": "ch_3SyBench0000000000000001",
        "object": "charge",
        "amount": 1999,
        "amount_captured": 1999,
        "amount_refunded": 0,
        "balance_transaction": "txn_3SyBench0000000000000001",
        "billing_details": {
            "address": {"city": None, "country": None, "line1": None, "postal_code": None},
            "email": None,
            "name": None,
            "phone": None,
        },
        "captured": True,
        "created": 1_760_000_000,
        "currency": "eur",
        "disputed": False,
        "livemode": False,
        "metadata": {"reference": "order-1", "plan": "yearly"},
        "outcome": {
            "network_status": "approved_by_network",
            "risk_level": "normal",
            "risk_score": 7,
            "seller_message": "Payment complete.",
            "type": "authorized",
        },
        "paid": True,
        "payment_intent": "pi_3SyBench0000000000000001",
        "payment_method": "pm_1SyBench0000000000000001",
        "payment_method_details": {
            "card": {
                "brand": "visa",
                "checks": {"cvc_check": "pass"},
                "country": "US",
                "exp_month": 12,
                "exp_year": 2030,
                "funding": "credit",
                "last4": "4242",
            },
            "type": "card",
        },
        "refunded": False,
        "status": "succeeded",
    },
    "livemode": False,
    "metadata": {"reference": "order-1", "plan": "yearly"},
    "next_action": None,
    "payment_method": "pm_1SyBench0000000000000001",
    "payment_method_types": ["card"],
    "receipt_email": None,
    "setup_future_usage": None,
    "shipping": None,
    "status": "succeeded",
    "transfer_data": None,
}
MESSAGE = {
    "account_sid": "AC" + "0" * 32,
    "api_version": "2010-04-01",
    "body": "Your order has left.",
    "date_created": "Sat, 28 Nov 2026 09:00:00 +0000",
    "date_sent": None,
    "date_updated": "Sat, 28 Nov 2026 09:00:00 +0000",
    "direction": "outbound-api",
    "error_code": None,
    "error_message": None,
    "from": "+14155550199",
    "messaging_service_sid": None,
    "num_media": "0",
    "num_segments": "1",
    "price": None,
    "price_unit": "USD",
    "sid": "SM" + "0" * 32,
    "status": "queued",
    "subresource_uris": {"media": "/2010-04-01/Accounts/AC/Messages/SM/Media.json"},
    "to": "+4917012345678",
    "uri": "/2010-04-01/Accounts/AC/Messages/SM.json",
}


def answer(status: str, document: object) -> bytes:
    body = json.dumps(document).encode()
    head = (
        f"HTTP/1.1 {status}\r\ndate: Sat, 28 Nov 2026 09:00:00 GMT\r\n"
        "content-type: application/json\r\nrequest-id: req_bench\r\n"
        f"content-length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


PAYMENT = answer("200 OK", INTENT)
TEXT = answer("201 Created", MESSAGE)
TAKEN = (
    b"HTTP/1.1 202 Accepted\r\ndate: Sat, 28 Nov 2026 09:00:00 GMT\r\n"
    b"x-message-id: bench-000001\r\ncontent-length: 0\r\n\r\n"
)
CHAT = answer(
    "200 OK",
    {
        "id": "chatcmpl-bench",
        "object": "chat.completion",
        "created": 1_760_000_000,
        "model": "m",
        "choices": [
            {
                "index": 0,
                "finish_reason": "stop",
                "message": {"role": "assistant", "content": "Hello."},
            }
        ],
        "usage": {"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2},
    },
)
REPLY = answer(
    "200 OK",
    {
        "id": "msg_bench",
        "type": "message",
        "role": "assistant",
        "model": "m",
        "content": [{"type": "text", "text": "Hello."}],
        "stop_reason": "end_turn",
        "stop_sequence": None,
        "usage": {"input_tokens": 1, "output_tokens": 1},
    },
)
POSTED = answer("200 OK", {"ok": True, "channel": "C1", "ts": "1760000000.000100"})
OBJECT = answer("200 OK", {"kept": True})
FETCHED = answer("200 OK", replies.TOKEN)
ORDERED = answer("201 Created", replies.ORDER)
PAID = answer("200 OK", replies.PAID)
SLACKED = answer("200 OK", replies.POSTED)
SAID = answer("200 OK", replies.SAID)
SUBMITTED = answer("202 Accepted", replies.TAKEN)
MAILED = answer("200 OK", replies.MAILED)
REFUSAL = answer("400 Bad Request", {"error": {"type": "invalid_request_error"}})

WANTED = {
    b"POST /v1/payment_intents ": (
        (b"idempotency-key:", b"stripe-version:"),
        (b"amount=1999", b"confirm=true", b"metadata[reference]=order-1", b"expand"),
        PAYMENT,
    ),
    b"GET /v1/payment_intents/pi_3SyBench": ((b"stripe-version:",), (), PAYMENT),
    b"POST /2010-04-01/Accounts/AC": ((), (b"To=%2B49170", b"Body=Your+order"), TEXT),
    b"POST /v3/mail/send ": (
        (b"content-type: application/json",),
        (b"ann@customer.example", b"orders@shop.example", b"text/plain", b"text/html"),
        TAKEN,
    ),
    b"POST /v1/chat/completions ": ((b"content-type: application/json",), (b"hello",), CHAT),
    b"POST /v1/messages ": ((b"content-type: application/json",), (b"hello",), REPLY),
    b"POST /chat.postMessage ": ((), (b"Your", b"order", b"C1"), POSTED),
    b"GET /bench/k ": ((b"x-amz-date:",), (), OBJECT),
    b"POST /v1/oauth2/token ": ((), (b"grant_type=client_credentials",), FETCHED),
    b"POST /v2/checkout/orders ": (
        (b"paypal-request-id:", b"prefer:"),
        (b"19.99", b"vault-bench", b"order-1", b"A book"),
        ORDERED,
    ),
    b"POST /v2/payments ": (
        (b"square-version:",),
        (b"1999", b"idempotency_key", b"cnon:card-nonce-ok", b"order-1", b"A book"),
        PAID,
    ),
    b"POST /api/chat.postMessage ": ((), (b"Your", b"rich_text", b"C012AB3CD"), SLACKED),
    b"POST /api/v10/channels/772908445358620702/messages ": (
        (),
        (b"Your order", b"allowed_mentions", b"enforce_nonce"),
        SAID,
    ),
    b"POST /v1/messages HTTP": ((), (b"Your order", b"4917012345678", b"client_ref"), SUBMITTED),
    b"POST /email ": (
        (b"x-postmark-server-token:",),
        (b"ann@customer.example", b"TextBody", b"HtmlBody", b"Metadata"),
        MAILED,
    ),
}
"""By the beginning of a request: headers and fields it must have, and its answer."""
PROOFS = (b"authorization:", b"x-postmark-server-token:")


def answer_to(head: bytes, body: bytes) -> bytes:
    names, plain = head.lower(), body.replace(b"%5B", b"[").replace(b"%5D", b"]")
    for beginning, (headers, fields, reply) in WANTED.items():
        if head.startswith(beginning):
            whole = all(name in names for name in headers) and any(one in names for one in PROOFS)
            if whole and all(field in plain for field in fields):
                return reply
    return REFUSAL


class Connection(asyncio.Protocol):
    def __init__(self) -> None:
        self._data = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._data += data
        while (end := self._data.find(b"\r\n\r\n")) >= 0:
            head = self._data[:end]
            _, _, after = head.lower().partition(b"\r\ncontent-length:")
            whole = end + 4 + (int(after.split(b"\r\n", 1)[0]) if after else 0)
            if len(self._data) < whole:
                return
            body, self._data = self._data[end + 4 : whole], self._data[whole:]
            self._transport.write(answer_to(head, body))


async def serve() -> None:
    loop = asyncio.get_running_loop()
    server = await loop.create_server(Connection, "127.0.0.1", 0)
    tell(server.sockets[0].getsockname()[1])
    await asyncio.to_thread(sys.stdin.read)  # until whoever started it is gone
    server.close()


if __name__ == "__main__":
    asyncio.run(serve())
