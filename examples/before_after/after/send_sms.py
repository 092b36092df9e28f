"""Written down before it is sent: a vendor without keys is asked what became of a lost answer."""

from shop import hub


async def remind(booking: str, number: str) -> str:
    text = await hub.sms("texts").send(
        to=number, body="Your table is ready.", idempotency_key=f"ready-{booking}"
    )
    return text.id
