"""What a command is given: bodies, headers, secrets by reference, times and addresses."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from hardpoint.cli.failures import refused, usage
from hardpoint.cli.terminal import Terminal
from hardpoint.core.errors import ConfigurationError
from hardpoint.core.secrets import Secret
from hardpoint.hub.settings import Settings
from hardpoint.hub.sources import options_of
from hardpoint.webhooks.verification import DESCRIBED, needs, settings_of

BODY_BYTES_MAX = 32 * 1024 * 1024
_NUMBER = re.compile(r"\d{1,12}(\.\d{1,6})?", re.ASCII)
_URL = re.compile(r"[!-\[\]-~]+")
_FIELD = re.compile(rb"[!#-'*+.^_`|~0-9A-Za-z-]+")  # a header's name, RFC 9110, 5.1
_BY_REFERENCE = "--secret env:NAME, --secret file:PATH, or --source NAME as it is configured"


def body_from(terminal: Terminal, name: str) -> bytes:
    """A file's bytes, or stdin's where the name is `-`."""
    content = terminal.stdin.buffer.read(BODY_BYTES_MAX + 1) if name == "-" else _read(name)
    if len(content) > BODY_BYTES_MAX:
        raise usage(f"{name} holds more than {BODY_BYTES_MAX} bytes")
    return content


def headers_from(name: str) -> list[tuple[bytes, bytes]]:
    """Headers as `Name: value` lines, as `hardpoint sign` prints them; an empty line ends them.

    A request line before them is skipped.
    """
    headers: list[tuple[bytes, bytes]] = []
    for number, line in enumerate(_read(name).splitlines(), 1):
        if not line:
            break
        field, colon, value = line.partition(b":")
        if colon and _FIELD.fullmatch(field):
            headers.append((field, value.strip(b" \t")))
        elif number > 1 or not line.endswith((b" HTTP/1.1", b" HTTP/2")):
            raise usage(f"line {number} of {name} is not 'Name: value'")
    return headers


def secrets_from(terminal: Terminal, references: list[str] | None) -> list[Secret]:
    """Secrets by reference, or the one a person types.

    A literal is refused without being repeated: it stands in the shell's history already.
    """
    if references:
        return [_secret(reference) for reference in references]
    if not terminal.stdin.isatty():
        raise usage("no secret was named", hint=_BY_REFERENCE)
    return [Secret.value(terminal.ask_secret("Secret (not shown): "))]


@dataclass(frozen=True, slots=True, kw_only=True)
class SignedBy:
    """What signs: secrets, and the settings of the scheme.

    Attributes:
        others: the secrets of the other sources of that provider, by their names.
    """

    secrets: Sequence[Secret]
    settings: Mapping[str, Any]
    others: Mapping[str, Sequence[Secret]]


def signed_by(
    terminal: Terminal,
    provider: str,
    *,
    source: str | None,
    config: Path,
    references: list[str] | None,
    url: str | None,
    option: str,
) -> SignedBy:
    """Secrets and settings as a source in the configuration has them, or as they were typed.

    Args:
        terminal: asks for a secret where none was named.
        provider: the scheme's name.
        source: the source's name.
        config: where it is configured.
        references: secrets by reference; they go before the source's.
        url: the address that is signed; it goes before the source's.
        option: what gives it.
    """
    if source is None and provider in DESCRIBED:
        raise usage(f"{provider} is what a source says of it", hint="name one: --source NAME")
    if source is None:
        secrets = secrets_from(terminal, references)
        return SignedBy(
            secrets=secrets, settings=addressed(provider, url, option=option), others={}
        )
    settings = Settings.load(config, secrets=False)
    found = settings.webhooks.get(source)
    if found is None or found.provider != provider:
        known = [one.name for one in settings.webhooks.values() if one.provider == provider]
        raise usage(
            f"{config} has no source {source} of {provider}; it has: {', '.join(known) or 'none'}",
            hint="name one: --source NAME, or give the secret: --secret env:NAME",
        )
    options = options_of(found)
    address = addressed(provider, url or settings.webhook_url(source), option=option)
    return SignedBy(
        secrets=[_secret(one) for one in references] if references else found.secrets,
        settings={**options, **address},
        others={
            one.name: one.secrets
            for one in settings.webhooks.values()
            if one.provider == provider and one.name != source
        },
    )


def addressed(provider: str, url: str | None, *, option: str = "--to") -> dict[str, str]:
    """The setting of a scheme that signs the address; none for others.

    Args:
        provider: the scheme's name.
        url: the address, where one was given.
        option: what gives it.
    """
    if "url" not in settings_of(provider) or (url is None and not needs(provider, "url")):
        return {}
    if url is None:
        raise usage(f"{provider} signs the address that it calls", hint=f"add {option} URL")
    return {"url": url}


def moment_from(option: str, text: str) -> float:
    """Unix seconds from Unix seconds, or from ISO 8601 with a zone."""
    if _NUMBER.fullmatch(text):
        return float(text)
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        moment = None
    if moment is None or moment.tzinfo is None:
        raise usage(f"{option} is neither Unix seconds nor a time like 2026-01-31T12:00:00Z")
    return moment.timestamp()


def name_from(option: str, text: str) -> str:
    """A text that may stand in a header."""
    if not (text and text.isascii() and text.isprintable()):
        raise usage(f"{option} is not printable ASCII text")
    return text


def address_from(url: str, *, live: bool, option: str = "--to") -> str:
    """Where a signed request may go: this machine, or with `--live` an https address."""
    from hardpoint.http.limits import checked_url, on_loopback

    try:
        host = urlsplit(url).hostname if _URL.fullmatch(url) else None
        if host is not None and not on_loopback(host) and not live:
            raise refused(
                f"{host} is not this machine; whatever answers there will treat the event as real",
                hint="repeat with --live if you mean it",
            )
        return checked_url(url, key=option)
    except ConfigurationError as error:
        raise usage(f"{error.key} {error.problem}", hint=error.fix) from None
    except ValueError:
        raise usage(f"{option} is not a URL") from None


def _read(name: str) -> bytes:
    try:
        with Path(name).open("rb") as file:
            return file.read(BODY_BYTES_MAX + 1)
    except OSError as error:
        raise usage(f"{name} cannot be read ({error.strerror})") from None


def _secret(reference: str) -> Secret:
    try:
        return Secret.parse(reference, key="--secret")
    except ConfigurationError as error:
        raise usage(f"--secret {error.problem}", hint=_BY_REFERENCE) from None
