"""The address of a workflow, which is the credential: its query holds a signature.

https://learn.microsoft.com/power-automate/triggers-introduction, by published excerpts,
2026-12-01. Addresses that were made before November 2025 are those of Azure Logic Apps, later ones
those of Power Platform.
"""

import re
from collections.abc import Sequence
from typing import Final, final
from urllib.parse import parse_qsl, urlsplit

from hardpoint.core.errors import ConfigurationError
from hardpoint.core.secrets import Secret
from hardpoint.http.limits import checked_url, on_loopback

_HOSTS: Final = (".logic.azure.com", ".logic.azure.us", ".api.powerplatform.com")
_PATH: Final = re.compile(
    r"(?:/powerautomate/automations/direct)?/workflows/[0-9A-Za-z-]{1,64}"
    r"/triggers/[A-Za-z0-9_-]{1,64}/paths/invoke",
    re.ASCII,
)
_SIGNATURE: Final = re.compile(r"[A-Za-z0-9_~.-]{1,256}", re.ASCII)
_KEY: Final = "webhook_url"


@final
class WorkflowAddress:
    """An `Authorization` that adds no headers.

    Args:
        address: read at each use, so that it can rotate.
        instead: scheme and host of a fake.

    Raises:
        ConfigurationError: it is none; the address itself is not repeated.
    """

    __slots__ = ("_address", "_instead")

    def __init__(self, address: Secret, instead: str | None = None) -> None:
        self._address = address
        self._instead = instead
        self._parts()

    @property
    def base_url(self) -> str:
        """Scheme and host."""
        return self._instead or self._parts()[0]

    @property
    def host(self) -> str:
        """The workflow's own."""
        return self._parts()[2]

    def target(self) -> str:
        """Path and query, which are the secret."""
        return self._parts()[1]

    async def headers(self) -> Sequence[tuple[str, str]]:
        """None."""
        return ()

    async def rejected(self, headers: Sequence[tuple[str, str]]) -> None:
        """Nothing: what is configured stays as it is."""

    def permits(self, host: str) -> bool:
        """The workflow's own host."""
        return host == self.host

    def secrets(self) -> Sequence[str]:
        """The address, what stands behind the host, and the signature."""
        base, target, _ = self._parts()
        signature = dict(parse_qsl(target.partition("?")[2]))["sig"]
        return (base + target, target, signature)

    def _parts(self) -> tuple[str, str, str]:
        address = self._address.reveal()
        try:
            parts = urlsplit(checked_url(address, key=_KEY))
            signatures = [text for name, text in parse_qsl(parts.query) if name == "sig"]
        except (ConfigurationError, ValueError):
            raise _none() from None
        host = parts.hostname or ""
        known = host.endswith(_HOSTS) or on_loopback(host)
        signed = len(signatures) == 1 and _SIGNATURE.fullmatch(signatures[0])
        if not known or not _PATH.fullmatch(parts.path) or not signed or parts.fragment:
            raise _none()
        return f"{parts.scheme}://{parts.netloc}", f"{parts.path}?{parts.query}", host


def _none() -> ConfigurationError:
    return ConfigurationError(
        _KEY,
        "is not the address of a workflow, with its signature",
        fix="Copy the whole HTTP URL of the trigger; addresses of webhook.office.com are retired",
    )
