from pathlib import Path

from hardpoint import Event, Hub, Job
from hardpoint.voice import CallAsked, CallChanged, Dial, Gather, Record, Say, Script, VoiceCall

URL = "https://shop.example/webhooks/calls"

hub = Hub.load(Path(__file__).parent / "hardpoint.toml")
ended: dict[str, str] = {}


async def call_about(number: str, order: str) -> VoiceCall:
    prompt = (Say(f"Order {order} is ready. Press 1 to speak to us, or 2 to leave a message."),)
    script = [Gather(prompt, digits=1, url=f"{URL}?step=choice"), Say("Goodbye.")]
    return await hub.voice("calls").call(to=number, script=script, idempotency_key=f"ready-{order}")


@hub.reply("calls", "call.in-progress")
async def choose(event: Event) -> Script:
    asked = hub.voice("calls").parse_event(event.body)
    if not isinstance(asked, CallAsked):
        return (Say("Goodbye."),)
    match asked.digits:
        case "1":
            return (Say("One moment."), Dial("+4930123456", seconds=20), Say("Nobody is here."))
        case "2":
            return (Say("Speak after the tone."), Record(seconds=60, url=f"{URL}?step=recorded"))
        case _:
            return (Say("Thank you. Goodbye."),)


@hub.on("calls", "call.*")
async def keep(event: Event, _job: Job) -> None:
    told = hub.voice("calls").parse_event(event.body)
    if isinstance(told, CallChanged) and told.status.ended:
        ended[told.call_id] = told.status.value


app = hub.asgi()
