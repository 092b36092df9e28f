"""The vendors that can be imitated, by name, and what a caller has to know of each.

    app = fake("stripe")
    facts_of(app).settings          # {"secret_key": "sk_test_fake"}

A fake is an `App` that is built without arguments. It may have `facts`, a `VendorFacts`, and where
the vendor calls back an `emitter`, an `Emitter`; it needs neither to be served.
"""

from collections.abc import Mapping
from inspect import signature

import msgspec

from hardpoint.core.errors import ConfigurationError
from hardpoint.core.providers import PROTOCOLS, every_name, load, provider, provider_names
from hardpoint.fakes.emitter import Emitter
from hardpoint.fakes.messages import App


class Trigger(msgspec.Struct, frozen=True, kw_only=True):
    """A value that the vendor documents for tests.

    Attributes:
        field: where it is sent, `payment_method`.
        value: what is sent.
        answer: what comes of it, `402 card_declined`.
    """

    field: str
    value: str
    answer: str


class VendorFacts(msgspec.Struct, frozen=True, kw_only=True):
    """What a caller has to know of a fake. The credentials open nothing but it.

    Attributes:
        settings: arguments of the provider's settings that reach this account.
        address: which of the provider's settings takes the fake's URL.
        address_path: what stands there behind the URL, `/123456789012/jobs`.
        instead: settings that name another account, and go together with none of these.
        webhook_secret: the secret of a source that takes its webhooks.
        triggers: the values that make it answer in a certain way.
        token_path: where a driver gets a token first, by client credentials.
    """

    settings: Mapping[str, str] = {}
    address: str = "base_url"
    address_path: str = ""
    instead: tuple[str, ...] = ()
    webhook_secret: str | None = None
    triggers: tuple[Trigger, ...] = ()
    token_path: str | None = None

    def settings_at(self, url: str) -> dict[str, str]:
        """The settings that reach this account where the fake is served at a URL."""
        address = {self.address: f"{url}{self.address_path}"}
        return {**address, **self.settings, **address}


_NOTHING = VendorFacts()


def fake_names() -> tuple[str, ...]:
    """Every provider and service that can be imitated, sorted."""
    return tuple(filter(has_fake, every_name()))


def has_fake(name: str) -> bool:
    """Whether somebody imitates it: a provider, a service of one, or a protocol."""
    vendor, dot, service = name.partition(".")
    if vendor not in PROTOCOLS and vendor not in provider_names():
        return False
    manifest = provider(vendor)
    if dot:
        return service in manifest.services and manifest.services[service].fake is not None
    return manifest.fake is not None


def fake_server_names() -> tuple[str, ...]:
    """Every provider whose fake serves itself, since it does not speak HTTP; sorted."""
    return tuple(name for name in provider_names() if provider(name).fake_server is not None)


def fake(name: str, *, optional_fields: bool = True) -> App:
    """A fake of a vendor, with an account of its own.

    Args:
        name: the provider's, or `VENDOR.SERVICE`.
        optional_fields: also say what the vendor may leave out of its answers and events.

    Raises:
        ConfigurationError: there is no such provider, none that imitates it, or one that always
            says the same.
    """
    reference = provider(name).fake if has_fake(name) else None
    if reference is None:
        raise ConfigurationError(
            "provider", f"{name!r} has no fake", fix=f"With one: {', '.join(fake_names())}"
        )
    kind = load(reference)
    if optional_fields:
        return kind()
    if "optional_fields" not in signature(kind).parameters:
        raise ConfigurationError(
            "optional_fields",
            f"the fake of {name} always says the same",
            fix="Name the vendors that may leave something out",
        )
    return kind(optional_fields=False)


def facts_of(app: App) -> VendorFacts:
    """What it says of itself; nothing where it says nothing."""
    return getattr(app, "facts", _NOTHING)


def emitter_of(app: App) -> Emitter | None:
    """Where its webhooks wait; None where the vendor sends none."""
    return getattr(app, "emitter", None)
