"""`hardpoint switch plan`: what a change of vendor means for this configuration."""

from collections.abc import Iterator
from dataclasses import asdict
from typing import Annotated

import typer

from hardpoint.cli.failures import Exit, usage
from hardpoint.cli.options import CONFIG, Config, Json, commands, terminal_of
from hardpoint.core.providers import provider_names
from hardpoint.hub.settings import Settings
from hardpoint.specialist.vendors import SwitchPlan, switch_plan

app = commands()

_Vendor = Annotated[str, typer.Argument(help="A provider.")]


@app.callback()
def switch() -> None:
    """Plan a change of vendor."""


@app.command()
def plan(
    context: typer.Context,
    old: _Vendor,
    new: _Vendor,
    *,
    config: Config = CONFIG,
    json: Json = False,
) -> int:
    """Say what is lost, which limits change, what stays in flight, and the steps in their order."""
    terminal = terminal_of(context, json=json)
    for name in (old, new):
        if name not in provider_names():
            raise usage(f"{name!r} is not known", hint=f"known: {', '.join(provider_names())}")
    settings = Settings.load(config, secrets=False) if config.exists() else None
    found = switch_plan(old, new, settings)
    terminal.show(asdict(found), *_lines(found, old, new))
    return Exit.OK


def _lines(found: SwitchPlan, old: str, new: str) -> Iterator[str]:
    yield f"from {old} to {new}: {', '.join(found.ports)}"
    for word, flags in (("lost", found.lost), ("gained", found.gained)):
        for port, names in flags.items():
            if names:
                yield f"  {word:<9} {port}: {', '.join(names)}"
    for word, told in (
        ("limit", found.limits),
        ("keys", found.idempotency),
        ("webhooks", found.webhooks),
    ):
        yield from (f"  {word:<9} {one}" for one in told)
    yield from (f"{number}. {step}" for number, step in enumerate(found.steps, 1))
