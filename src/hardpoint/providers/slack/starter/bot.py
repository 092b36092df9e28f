"""A bot that answers in Slack when somebody mentions it, each time exactly once.

export SLACK_SIGNING_SECRET=anything0while0you0try SLACK_BOT_TOKEN=xoxb-anything
hardpoint serve bot:hub &
hardpoint trigger slack app_mention
hardpoint events list
"""

from hardpoint import Event, Hub, Job, Skip
from hardpoint.chat import bold

hub = Hub.load("hardpoint.toml")


@hub.on("slack", "app_mention")
async def answer(event: Event, job: Job) -> None:
    """Answers in the channel; the job's own key lets no repeat of it post again."""
    said = event.json()["event"]
    if "bot_id" in said:
        raise Skip("a bot's own message")
    text = ["You said ", bold(said["text"]), "."]
    await hub.chat("ops").post(text, channel=said["channel"], idempotency_key=job.key("answer"))
