"""Texts that arrive or do not, and people who answer STOP, each told exactly once by Vonage.

export VONAGE_SIGNATURE_SECRET=anything_while_you_try VONAGE_API_SECRET=anything
hardpoint serve texts:hub &
hardpoint trigger vonage message.delivered --times 2
hardpoint events list
"""

from hardpoint import Event, Hub, Job

hub = Hub.load("hardpoint.toml")


@hub.on("texts", "message.*")
async def text_changed(event: Event, job: Job) -> None:
    """Whoever opts out, by a word or by their carrier, is texted no more."""
    texts = hub.sms("texts")
    told = texts.parse_event(event.body)
    if told is not None:
        await texts.heed(told)
        told_of = told.message_id
        job.write(lambda tx: tx.execute("create table if not exists texts (id, what)"))
        job.write(lambda tx: tx.execute("insert into texts values (?, ?)", [told_of, event.type]))
