"""The user's own page: credentials, webhooks, error codes, limits, and what to do."""

from collections.abc import Iterator
from typing import Final

from hardpoint.core.capabilities import Capabilities
from hardpoint.core.errors import ConfigurationError
from hardpoint.core.providers import PROTOCOLS, load, provider, provider_names
from hardpoint.hub.settings import Settings
from hardpoint.webhooks.samples import samples

_HEAD: Final = """# Integrations

Written by `hardpoint docs build`; `hardpoint docs check` fails where it is no longer so.
"""
NOTES: Final = "<!-- notes: what stands below this line is yours, and is kept -->"
_NOTES_FIRST: Final = """
## Notes

Who owns each account, which scopes its credentials have, when they expire, whom to call.
"""


def handbook(settings: Settings, before: str = "") -> str:
    """The page, from the configuration and the manifests; notes of the page before are kept.

    No secret is on it, only where each is read from.
    """
    own = before.partition(NOTES)[2] or _NOTES_FIRST
    parts = [
        _HEAD,
        *_credentials(settings),
        *_webhooks(settings),
        *_limits(settings),
        *_codes(settings),
        _RUNBOOK,
    ]
    return "\n".join(parts) + f"\n{NOTES}\n\n{own.strip()}\n"


def _credentials(settings: Settings) -> Iterator[str]:
    yield "## Credentials\n"
    yield "| name | read from | used by | vendor |\n|---|---|---|---|"
    for key, secret in settings.secrets():
        yield f"| `{key}` | `{secret.reference}` | {_user(key)} | {_vendor(settings, key)} |"
    yield ""


def _user(key: str) -> str:
    part = key.split(".")
    uses = {
        "webhooks": "checking webhooks",
        "connections": "calls",
        "oauth": "sign-in and accounts",
    }
    return uses.get(part[0], part[0])


def _vendor(settings: Settings, key: str) -> str:
    kind, _, rest = key.partition(".")
    name = rest.partition(".")[0]
    if kind == "webhooks" and name in settings.webhooks:
        return settings.webhooks[name].provider
    if kind == "connections" and name in settings.connections:
        return settings.connections[name].provider
    return "-"


def _webhooks(settings: Settings) -> Iterator[str]:
    yield "## Webhooks\n"
    yield "| source | address to register | vendor | events known | repeated for |\n|---|---|---|---|---|"
    for name, source in settings.webhooks.items():
        address = settings.webhook_url(name) or f"https://YOUR-HOST/webhooks/{name}"
        manifest = provider(source.provider) if source.provider in provider_names() else None
        hours = (
            None
            if manifest is None or manifest.retries_for is None
            else manifest.retries_for / 3600
        )
        kept = "not known" if hours is None else f"{hours:g} h"
        yield f"| `{name}` | {address} | {source.provider} | {_types(source.provider)} | {kept} |"
    yield ""


def _types(vendor: str) -> str:
    try:
        return ", ".join(samples(vendor).types)
    except ConfigurationError:
        return "-"


def _vendors(settings: Settings) -> list[str]:
    used = {one.provider for one in settings.connections.values()}
    return sorted(one for one in used if one not in PROTOCOLS)


def _limits(settings: Settings) -> Iterator[str]:
    yield "## Limits\n"
    yield "| vendor | port | limit | most |\n|---|---|---|---|"
    for vendor in _vendors(settings):
        for port, reference in provider(vendor).ports.items():
            able = getattr(load(reference), "capabilities", None)
            if isinstance(able, Capabilities):
                yield from (
                    f"| {vendor} | {port} | {name} | {most} |" for name, most in able.limits.items()
                )
    yield ""


def _codes(settings: Settings) -> Iterator[str]:
    yield "## Error codes\n"
    yield "| vendor | code | meaning | what to do |\n|---|---|---|---|"
    for vendor in _vendors(settings):
        reference = provider(vendor).errors
        if reference is None:
            continue
        told = {
            (code or "any", known.meaning, known.action)
            for (_, code), known in load(reference).known.items()
        }
        yield from (
            f"| {vendor} | `{code}` | {meaning} | {action} |"
            for code, meaning, action in sorted(told)
        )
    yield ""


_RUNBOOK: Final = """## When something is wrong

| what is seen | command | what to do |
|---|---|---|
| events wait, or failed | `hardpoint events list --failing`, `hardpoint dlq list` | mend the handler, then `hardpoint dlq retry` |
| requests are refused | `hardpoint refusals` | `hardpoint verify`, and compare the secret with the vendor's |
| a vendor is down | `hardpoint health`, `hardpoint breaker list` | wait; what was not done is told by its error |
| a code nobody knows | `hardpoint explain PROVIDER CODE` | ask the vendor, then add it to the table |
| a job needs a look | `hardpoint events show ID` | look at the vendor, then `hardpoint events retry` or `resolve` |
| a credential expires | `hardpoint secrets list` | make the new one, put it first, reload, then revoke the old one |
"""
