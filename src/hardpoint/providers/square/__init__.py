"""Square: payments, refunds and payment links; webhooks and sample events beside them.

Unit cost: adapter, since three kinds of objects and thirty codes of declines are read; fake, since
payments, refunds, orders and links live through their states; tests, since what a lost answer has
done is told by those states.
"""

import re
from dataclasses import dataclass

from hardpoint.core.errors import ConfigurationError
from hardpoint.core.providers import Provider
from hardpoint.core.secrets import Secret
from hardpoint.http.auth import Authorization
from hardpoint.http.limits import checked_base_url

PROVIDER = Provider(
    name="square",
    title="Square",
    tokens=("square", "sq0idp-", "sq0csp-"),
    docs="https://developer.squareup.com/docs/webhooks/step3validate",
    verified="2026-12-01",
    webhooks="hardpoint.providers.square.webhooks:SquareWebhooks",
    retries_for=24 * 3600,
    samples="hardpoint.providers.square:samples.json",
    webhook_setup="hardpoint.providers.square.endpoints:SquareEndpoints",
    settings="hardpoint.providers.square:Square",
    ports={"payments": "hardpoint.providers.square.payments:SquarePayments"},
    errors="hardpoint.providers.square.errors:ERRORS",
    fake="hardpoint.providers.square.fake:FakeSquare",
    starter="hardpoint.providers.square:starter",
)

API_VERSION = "2026-08-19"
"""What our requests and readings were written for; Square keeps answering in this version."""

HOST = "connect.squareup.com"
HOSTS = frozenset({HOST, "connect.squareupsandbox.com"})

_LOCATION = re.compile(r"[A-Z0-9]{1,50}", re.ASCII)


@dataclass(frozen=True, slots=True, kw_only=True)
class Square:
    """One location of a Square seller.

    Args:
        access_token: of the application, or of a seller; or a connection of the vault.
        location_id: where the sales are made; its currency is the only one it takes.
        base_url: the sandbox's, `https://connect.squareupsandbox.com`, which has tokens of its own;
            or another address on loopback, for a fake.

    Raises:
        ConfigurationError: a token or a location that is none.
    """

    access_token: Secret | Authorization
    location_id: str
    base_url: str = f"https://{HOST}"

    def __post_init__(self) -> None:
        checked_base_url(self.base_url, HOSTS)
        if isinstance(self.access_token, Secret):
            self._check_token(self.access_token.reveal())
        if not _LOCATION.fullmatch(self.location_id):
            raise ConfigurationError(
                "location_id",
                "is not the ID of a location",
                fix="Copy it from the Developer Console, Locations: L and letters and digits",
            )

    def _check_token(self, token: str) -> None:
        if token.startswith(("sq0idp-", "sandbox-sq0idb-")):
            raise ConfigurationError(
                "access_token", "is an application's ID", fix="Copy the access token beside it"
            )
        if token.startswith(("sq0csp-", "sandbox-sq0csb-")):
            raise ConfigurationError(
                "access_token", "is an application's secret", fix="Copy the access token"
            )
        if not re.fullmatch(r"[!-~]{8,1024}", token, re.ASCII):
            raise ConfigurationError(
                "access_token", "is cut off or holds blanks", fix="Copy the access token"
            )
