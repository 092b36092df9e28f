"""The device flow (RFC 8628): a program without a browser is allowed by a person who has one.

    flow = DeviceFlow(endpoint, clock)
    code = await flow.begin(["files.read"])
    print(f"Open {code.url} and enter {code.user_code}")
    tokens = await flow.finish(code)

Nobody comes back to us: who enters the code decides whose account it is. So show it only to the
person who began, and never take one that somebody else has sent.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final, final

import msgspec

from hardpoint.core.errors import (
    ConfigurationError,
    FlowError,
    TokenEndpointError,
    UnexpectedResponseError,
)
from hardpoint.core.secrets import Secret
from hardpoint.http.limits import checked_url
from hardpoint.oauth.answers import life_of
from hardpoint.oauth.endpoint import TokenEndpoint
from hardpoint.oauth.tokens import Tokens
from hardpoint.runtime.clocks import Timekeeper

INTERVAL_SECONDS: Final = 5.0
INTERVAL_SECONDS_MAX: Final = 60.0
LIFE_SECONDS_MAX: Final = 1800.0
_CHARACTERS_MAX: Final = 64
_ENDED: Final[Mapping[str, str]] = {
    "access_denied": "The person refused",
    "expired_token": "Nobody entered the code in time",
}


class DeviceCode(msgspec.Struct, frozen=True, kw_only=True):
    """What to show, and how long it holds.

    Attributes:
        user_code: what the person enters.
        url: where.
        url_complete: the same with the code in it, for a picture to scan.
        interval: seconds between two questions.
        expires_at: when it ends, by the monotonic clock.
        secret: ours alone.
    """

    user_code: str
    url: str
    url_complete: str | None
    interval: float
    expires_at: float
    secret: Secret

    def __repr__(self) -> str:
        return f"DeviceCode({self.user_code!r}, {self.url!r}, ****)"


@final
class DeviceFlow:
    """Begins and waits.

    Args:
        endpoint: our client at the provider.
        clock: how long to wait, and when to ask again.
    """

    def __init__(self, endpoint: TokenEndpoint, clock: Timekeeper) -> None:
        self._endpoint = endpoint
        self._clock = clock

    async def begin(self, scopes: Sequence[str] = ()) -> DeviceCode:
        """Start one.

        Raises:
            ConfigurationError: the provider has no such flow.
            TokenEndpointError, UnexpectedResponseError: it does not begin one that can be shown.
        """
        said = await self._endpoint.device_code(scopes)
        name = self._endpoint.client.entry.name
        complete = said.get("verification_uri_complete")
        life = min(life_of(said.get("expires_in")) or LIFE_SECONDS_MAX, LIFE_SECONDS_MAX)
        interval = life_of(said.get("interval")) or INTERVAL_SECONDS
        # One vendor's first draft called it `verification_url`, and it still does.
        url = said.get("verification_uri", said.get("verification_url"))
        return DeviceCode(
            user_code=_shown(name, "user_code", said.get("user_code")),
            url=_address(name, url),
            url_complete=None if complete is None else _address(name, complete),
            interval=min(interval, INTERVAL_SECONDS_MAX),
            expires_at=self._clock.monotonic() + life,
            secret=Secret.value(_text(name, "device_code", said.get("device_code"))),
        )

    async def finish(self, code: DeviceCode) -> Tokens:
        """Ask until the person has decided.

        A question without an answer is asked again: a code is used up by tokens alone.

        Raises:
            FlowError: they refused, or did nothing in time.
            TokenEndpointError: the provider refuses our client, or the code.
        """
        interval = code.interval
        while True:
            await self._clock.sleep(interval)
            if self._clock.monotonic() >= code.expires_at:
                raise FlowError(_ENDED["expired_token"], reason="expired_token")
            try:
                return await self._endpoint.device_tokens(code.secret)
            except TokenEndpointError as error:
                interval = _next(error, interval)


def _next(error: TokenEndpointError, interval: float) -> float:
    """How long to wait before the next question, if there is one."""
    said = error.vendor_code or ""
    if said in _ENDED:
        raise FlowError(_ENDED[said], reason=said) from error
    if said == "authorization_pending":
        return interval
    if said == "slow_down":
        return min(interval + INTERVAL_SECONDS, INTERVAL_SECONDS_MAX)
    if error.verdict != "transient":
        raise error
    return min(max(interval * 2, error.retry_after or 0.0), INTERVAL_SECONDS_MAX)


def _text(name: str, field: str, value: Any) -> str:
    if not isinstance(value, str) or not value.strip() or not value.isprintable():
        raise UnexpectedResponseError(f"{name} began no device flow: no {field}")
    return value


def _shown(name: str, field: str, value: Any) -> str:
    return _text(name, field, value)[:_CHARACTERS_MAX]


def _address(name: str, value: Any) -> str:
    try:
        return checked_url(_text(name, "verification_uri", value), key="verification_uri")
    except ConfigurationError as error:
        raise UnexpectedResponseError(f"{name} began no device flow: {error}") from None
