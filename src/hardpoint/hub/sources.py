"""From settings to what the inbox uses: every source and target with its keys prepared."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from hardpoint.core.errors import ConfigurationError
from hardpoint.hub.settings import ForwardSettings, Settings, SourceSettings
from hardpoint.webhooks.forwarding import Target
from hardpoint.webhooks.handlers import Handlers
from hardpoint.webhooks.replies import ReplyFunctions
from hardpoint.webhooks.sources import Source
from hardpoint.webhooks.verification import Scheme, scheme, settings_of

_OPTIONS = {
    "url": "signs no address",
    "tolerance": "signs no time",
    "type_from": "says itself what an event is",
}
"""Settings of a source that only some schemes take, and why others do not."""

Prepared = tuple[Mapping[str, Source], Mapping[str, Target]]


def prepare(settings: Settings) -> Prepared:
    """Every source, and the targets of those that are forwarded, by the source's name.

    Raises:
        ConfigurationError: an unknown provider, a secret of the wrong shape, a setting out of
            range; naming the key.
    """
    sources = {
        name: _source(one, settings.webhook_url(name)) for name, one in settings.webhooks.items()
    }
    targets = {
        name: _target(f"webhooks.{name}.forward", one.forward, one.provider)
        for name, one in settings.webhooks.items()
        if one.forward is not None
    }
    return sources, targets


def load_prepared(path: Path) -> tuple[Settings, Prepared]:
    """A configuration file's settings, and what `prepare` makes of them; raises as they do."""
    settings = Settings.load(path)
    return settings, prepare(settings)


def refuse_loss(handlers: Handlers, replies: ReplyFunctions, settings: Settings) -> None:
    """See that each source that somebody wants is there: without it its vendor would hear 401.

    Raises:
        ConfigurationError: one is missing.
    """
    wanted = dict.fromkeys(replies.sources(), ("a reply",)) | handlers.by_source()
    for source, names in wanted.items():
        if source not in settings.webhooks and source not in settings.sources:
            raise ConfigurationError(
                f"webhooks.{source}",
                f"is gone, but handled by {', '.join(names)} of this process",
                fix="Put it back; or remove what handles it, and restart",
            )


def _source(settings: SourceSettings, public_url: str | None) -> Source:
    try:
        prepared = _scheme(settings, public_url)
    except ConfigurationError as error:
        key = f"webhooks.{settings.name}.{error.key}"
        raise ConfigurationError(key, error.problem, fix=error.fix) from None
    cap = settings.body_bytes_max or prepared.body_bytes_max
    keys = getattr(prepared, "keys", None)
    return Source(
        name=settings.name,
        scheme=prepared,
        body_bytes_max=cap,
        keys=keys,
        unsigned=getattr(prepared, "taken_from", None),
        handshake=getattr(prepared, "handshake", None),
    )


def _scheme(settings: SourceSettings, public_url: str | None) -> Scheme:
    provider = settings.provider
    options = options_of(settings)
    known = settings_of(provider)
    for name in options.keys() - known:
        raise ConfigurationError(name, f"{provider} {_OPTIONS[name]}", fix="Remove it")
    if public_url is not None and "url" in known:
        options.setdefault("url", public_url)
    return scheme(provider, secrets=settings.secrets, **options)


def options_of(settings: SourceSettings) -> dict[str, Any]:
    """The settings of a source's scheme, as far as they are written."""
    common = {name: value for name in _OPTIONS if (value := getattr(settings, name)) is not None}
    return {**settings.options, **common}


def _target(key: str, settings: ForwardSettings, provider: str) -> Target:
    if provider == "unsigned" and not settings.unsigned:
        raise ConfigurationError(
            f"{key}.unsigned",
            "is missing: we would sign what nobody has signed",
            fix="Write unsigned = true, and have the service trust it no more than the sender",
        )
    try:
        signing = scheme("standard", secrets=[settings.secret])
        signing.sign(b"", now=0, event_id="trial", event_type="")  # a public key could not
    except ConfigurationError as error:
        raise ConfigurationError(f"{key}.secret", error.problem, fix=error.fix) from None
    return Target(url=settings.url, signing=signing)
