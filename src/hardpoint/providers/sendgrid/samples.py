"""Sample webhooks in the shape of SendGrid's events, a list of one; the fields apps read.

An order's confirmation is sent to a customer. Addresses are of a domain kept for examples.
"""

import base64
from typing import Any

from hardpoint.providers.sendgrid.wire import EVENT_FIELDS
from hardpoint.webhooks.samples import Builder, Document, FreshIds, Samples

_TO = "ann@example.com"


def _event(event: str, **facts: Any) -> Builder:
    def build(fresh: FreshIds) -> list[Document]:
        message = _short(fresh)
        return [
            {
                "email": _TO,
                "timestamp": fresh.now,
                "smtp-id": f"<{message}@geopod-ismtpd-1>",
                "event": event,
                "category": ["orders"],
                "sg_event_id": _short(fresh),
                "sg_message_id": f"{message}.recvd-5f54b5d587-pczjm-1-67BADEEA-6.0",
                **facts,
            }
        ]

    return build


def _short(fresh: FreshIds) -> str:
    """22 letters and digits, as SendGrid's ids are."""
    number = bytes.fromhex(fresh.uuid().replace("-", ""))
    return base64.urlsafe_b64encode(number).decode().rstrip("=")


def _custom(path: str) -> bool:
    """Arguments of one's own are text: SendGrid takes nothing else."""
    steps = path.split(".")
    return steps[steps[0].isdigit() and len(steps) > 1] not in EVENT_FIELDS


def _type(document: list[Document]) -> str | None:
    return document[0].get("event")


_AGENT = {"ip": "192.0.2.1", "useragent": "Mozilla/5.0 (example)"}
_SERVER = {"ip": "192.0.2.25", "tls": 1}

SAMPLES = Samples(
    {
        "processed": _event("processed"),
        "deferred": _event("deferred", response="421 try again later", attempt="1", **_SERVER),
        "delivered": _event("delivered", response="250 OK", **_SERVER),
        "bounce": _event(
            "bounce",
            reason="550 5.1.1 no such user",
            status="5.1.1",
            type="bounce",
            bounce_classification="Invalid Address",
            **_SERVER,
        ),
        "dropped": _event("dropped", reason="Unsubscribed Address"),
        "open": _event("open", sg_machine_open=False, **_AGENT),
        "click": _event("click", url="https://shop.example/orders/1", **_AGENT),
        "spamreport": _event("spamreport"),
        "unsubscribe": _event("unsubscribe"),
        "group_unsubscribe": _event("group_unsubscribe", asm_group_id=10, **_AGENT),
        "group_resubscribe": _event("group_resubscribe", asm_group_id=10, **_AGENT),
    },
    event_id=lambda _, document: document[0]["sg_event_id"],
    event_type=_type,
    text_at=_custom,
)
