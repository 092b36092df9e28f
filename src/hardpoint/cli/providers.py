"""`hardpoint providers`: which vendors there are, and what each can do, from their manifests."""

from collections.abc import Mapping
from typing import Annotated, Any

import typer

from hardpoint.cli.failures import Exit, usage
from hardpoint.cli.options import Json, commands, terminal_of
from hardpoint.cli.tables import Table
from hardpoint.core.capabilities import Capabilities
from hardpoint.core.errors import ConfigurationError
from hardpoint.core.providers import Provider, every_name, load, provider
from hardpoint.webhooks.samples import samples
from hardpoint.webhooks.verification import scheme_type, settings_of

app = commands()


@app.callback()
def providers() -> None:
    """List the vendors, and show what each can do."""


@app.command(name="list")
def list_providers(
    context: typer.Context,
    *,
    port: Annotated[
        str | None, typer.Option("--port", help="Only those with this port: payments, sms, ...")
    ] = None,
    json: Json = False,
) -> int:
    """List the vendors: their ports, whether webhooks are understood, when they were compared."""
    terminal = terminal_of(context, json=json)
    found = [provider(name) for name in every_name()]
    ports = {one for manifest in found for one in manifest.ports}
    if port is not None and port not in ports:
        raise usage(f"nobody has the port {port!r}", hint=f"ports: {', '.join(sorted(ports))}")
    shown = [one for one in found if port is None or port in one.ports]
    rows = [
        [
            one.name,
            ", ".join(one.ports),
            "yes" if one.webhooks else "",
            "yes" if one.login or one.connect else "",
            one.verified or "",
        ]
        for one in shown
    ]
    columns = ["PROVIDER", "PORTS", "WEBHOOKS", "OAUTH", "VERIFIED"]
    terminal.show({"providers": [_brief(one) for one in shown]}, Table(columns, rows))
    return Exit.OK


@app.command()
def show(
    context: typer.Context,
    name: Annotated[str, typer.Argument(metavar="NAME", help="The provider, or VENDOR.SERVICE.")],
    *,
    json: Json = False,
) -> int:
    """Show what a vendor can do: capabilities and limits of its ports, webhooks, sign-in."""
    terminal = terminal_of(context, json=json)
    if name not in every_name():
        raise usage(f"{name!r} is not known", hint=f"known: {', '.join(every_name())}")
    manifest = provider(name)
    ports = {port: _port(load(reference)) for port, reference in manifest.ports.items()}
    webhooks = None if manifest.webhooks is None else _webhooks(manifest)
    data = {**_brief(manifest), "ports": ports, "webhooks": webhooks}
    terminal.show(data, *_lines(manifest, ports, webhooks))
    return Exit.OK


def _brief(manifest: Provider) -> dict[str, Any]:
    return {
        "name": manifest.name,
        "title": manifest.title,
        "ports": list(manifest.ports),
        "webhooks": manifest.webhooks is not None,
        "login": manifest.login is not None,
        "connect": manifest.connect is not None,
        "fake": manifest.fake is not None,
        "docs": manifest.docs,
        "verified": manifest.verified,
        "verified_by": manifest.verified_by,
    }


def _port(driver: Any) -> dict[str, Any]:
    """What a driver's class says of itself; one that is made with it says it later."""
    own = getattr(driver, "capabilities", None)
    if not isinstance(own, Capabilities):
        return {"capabilities": None, "idempotency": None, "key_seconds": None, "limits": {}}
    return {
        "capabilities": sorted(map(str, own.flags)),
        "idempotency": own.idempotency.value,
        "key_seconds": own.key_seconds,
        "limits": dict(own.limits),
    }


def _webhooks(manifest: Provider) -> dict[str, Any]:
    kind: Any = scheme_type(manifest.name)
    try:
        types = list(samples(manifest.name).types)
    except ConfigurationError:
        types = []
    return {
        "signature_headers": sorted(one.decode() for one in kind.signature_headers),
        "covers": str(kind.covers),
        "settings": sorted(settings_of(manifest.name)),
        "samples": types,
    }


def _lines(
    manifest: Provider, ports: Mapping[str, Any], webhooks: Mapping[str, Any] | None
) -> list[str]:
    lines = [manifest.title]
    if manifest.verified:
        by = f", by {manifest.verified_by}" if manifest.verified_by else ""
        lines.append(f"  verified  {manifest.verified}{by}")
    if manifest.docs:
        lines.append(f"  docs      {manifest.docs}")
    for port, told in ports.items():
        able = told["capabilities"]
        words = "as it is configured" if able is None else ", ".join(able) or "nothing beyond"
        lines.append(f"  {port:<9} {words}")
        if told["idempotency"]:
            seconds = told["key_seconds"]
            kept = f", keys for {seconds:g} s" if seconds else ""
            lines.append(f"{'':12}idempotency: {told['idempotency']}{kept}")
        lines += [f"{'':12}{limit}: {most}" for limit, most in told["limits"].items()]
    if webhooks is not None:
        lines.append(f"  webhooks  signed: {webhooks['covers']}")
        lines.append(f"{'':12}headers: {', '.join(webhooks['signature_headers'])}")
        if webhooks["samples"]:
            lines.append(f"{'':12}samples: {', '.join(webhooks['samples'])}")
    uses = [word for word, has in (("login", manifest.login), ("connect", manifest.connect)) if has]
    if uses:
        lines.append(f"  oauth     {', '.join(uses)}")
    if manifest.errors:
        lines.append(f"  errors    hardpoint explain {manifest.name}")
    return lines
