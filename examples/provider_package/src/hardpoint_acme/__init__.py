"""Acme's email: the manifest, and the settings of an account."""

from dataclasses import dataclass

from hardpoint.provider import Authorization, Provider, Secret, checked_base_url

HOST = "api.acme.example"

PROVIDER = Provider(
    name="acme",
    title="Acme",
    contract=1,
    tokens=("acme",),
    docs="https://docs.acme.example/email",
    settings="hardpoint_acme:Acme",
    ports={"email": "hardpoint_acme.email:AcmeEmail"},
    errors="hardpoint_acme.errors:ERRORS",
    webhooks="hardpoint_acme.webhooks:AcmeWebhooks",
    samples="hardpoint_acme:samples.json",
    fake="hardpoint_acme.fake:FakeAcme",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Acme:
    """One Acme account.

    Args:
        token: opens it.
        from_: who emails are from.
        base_url: another address on loopback, for a fake.
    """

    token: Secret | Authorization
    from_: str | None = None
    base_url: str = f"https://{HOST}"

    def __post_init__(self) -> None:
        checked_base_url(self.base_url, {HOST})
