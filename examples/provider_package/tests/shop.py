"""An application that uses the package as it uses any other provider."""

from pathlib import Path

from hardpoint import Event, Hub, Job

hub = Hub.load(Path(__file__).with_name("hardpoint.toml"))


@hub.on("mail", "message.*")
async def reported(event: Event, job: Job) -> None:
    """What became of an email."""
    [told] = hub.email("mail").parse_events(event.body)
    assert told.status.ended
