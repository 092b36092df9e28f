from pathlib import Path
from urllib.parse import parse_qs

from hardpoint import Event, Hub, Job

hub = Hub.load(Path(__file__).parent / "hardpoint.toml")
deployed: list[str] = []


@hub.reply("slack", "command.deploy")
async def announce(event: Event) -> dict[str, str]:
    (version,) = parse_qs(event.body.decode())["text"]
    return {"response_type": "in_channel", "text": f"Deploying {version}"}


@hub.on("slack", "command.deploy")
async def deploy(event: Event, _job: Job) -> None:
    deployed.extend(parse_qs(event.body.decode())["text"])


@hub.reply("discord", "command.*")
async def greet(event: Event) -> str:
    return f"Hello, {event.json()['member']['user']['username']}"


@hub.reply("texts", "message.received")
def answer(event: Event) -> str:
    fields = parse_qs(event.body.decode())
    return f"We have got your text: {fields['Body'][0]}"


app = hub.asgi()
