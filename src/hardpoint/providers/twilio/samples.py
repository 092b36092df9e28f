"""Sample webhooks in the shape of Twilio's forms; the parameters apps read.

A text to a customer is carried; a customer answers; a call ends. Numbers are of the ranges kept for
fiction.
"""

from typing import Any

from hardpoint.webhooks.samples import Builder, Document, FreshIds, Samples

_OURS = "+14155550100"
_THEIRS = "+14155550123"


def _event(prefix: str, **facts: Any) -> Builder:
    def build(fresh: FreshIds) -> Document:
        document: Document = {"AccountSid": f"AC{_hex(fresh)}", "ApiVersion": "2010-04-01", **facts}
        sid = f"{prefix}{_hex(fresh)}"
        names = ("MessageSid", "SmsSid") if prefix == "SM" else ("CallSid",)
        return document | dict.fromkeys(names, sid)

    return build


def _hex(fresh: FreshIds) -> str:
    return fresh.uuid().replace("-", "")


def _sent(status: str, **more: str) -> Builder:
    facts = {"MessageStatus": status, "SmsStatus": status, "From": _OURS, "To": _THEIRS, **more}
    return _event("SM", **facts)


def _received(body: str, **more: str) -> Builder:
    facts = {"SmsStatus": "received", "NumMedia": "0", "NumSegments": "1", "Body": body, **more}
    return _event("SM", From=_THEIRS, To=_OURS, **facts)


def _call(status: str, **more: str) -> Builder:
    facts = {
        "CallStatus": status,
        "CallbackSource": "call-progress-events",
        "Direction": "outbound-api",
        **more,
    }
    return _event("CA", From=_OURS, To=_THEIRS, **facts)


def _event_id(_: FreshIds, document: Document) -> str:
    if "MessageSid" in document:
        return f"{document['MessageSid']}:{document.get('MessageStatus') or document['SmsStatus']}"
    return f"{document['CallSid']}:{document['CallStatus']}:{document['SequenceNumber']}"


SAMPLES = Samples(
    {
        "message.queued": _sent("queued"),
        "message.sent": _sent("sent"),
        "message.delivered": _sent("delivered"),
        "message.undelivered": _sent("undelivered", ErrorCode="30003"),
        "message.failed": _sent("failed", ErrorCode="21610"),
        "message.received": _received("When will it arrive?"),
        "call.initiated": _call("initiated", SequenceNumber="0"),
        "call.completed": _call("completed", SequenceNumber="3", CallDuration="42"),
    },
    event_id=_event_id,
    form=True,
)
