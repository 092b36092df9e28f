"""What stands before every page: which names it answers to, whose forms it takes, what it sends."""

from typing import Final, final
from urllib.parse import urlsplit

from starlette.datastructures import Headers

from hardpoint.hub.asgi import AsgiApp, AsgiMessage, Receive, Scope, Send
from hardpoint.hub.hub import Hub

LOOPBACK: Final = frozenset({"localhost", "127.0.0.1", "[::1]"})
_READS: Final = frozenset({"GET", "HEAD"})
_POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
HEADERS: Final = (
    (b"content-security-policy", _POLICY.encode()),
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"DENY"),
    # Not `no-referrer`: browsers would then send `Origin: null` with our own forms.
    (b"referrer-policy", b"same-origin"),
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"permissions-policy", b"camera=(), geolocation=(), microphone=()"),
    (b"x-robots-tag", b"noindex"),
)


@final
class DashboardGate:
    """Refuses what no browser was meant to send, and gives every answer its headers.

    A name that somebody else's DNS leads here is refused (rebinding), and so is a form of another
    site, or of none: a browser says where each comes from.

    Args:
        app: what it guards.
        hub: whose names are in its configuration.
        hosts: further names.
    """

    def __init__(self, app: AsgiApp, hub: Hub, hosts: frozenset[str]) -> None:
        self._app = app
        self._hub = hub
        self._hosts = hosts

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Refuse, or pass on."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def headed(message: AsgiMessage) -> None:
            if message["type"] == "http.response.start":
                named = {name for name, _ in message["headers"]}
                own = [*HEADERS, (b"cache-control", b"no-store")]
                added = [(name, value) for name, value in own if name not in named]
                message["headers"] = [*message["headers"], *added]
            await send(message)

        headers = Headers(scope=scope)
        hosts = [value.lower() for value in headers.getlist("host")]
        if len(hosts) != 1 or name_of(hosts[0]) not in self._names():
            await _refuse(headed, 421, _HOST_REFUSED)
        elif scope["method"] not in _READS and not is_ours(headers, hosts[0]):
            await _refuse(headed, 403, _ORIGIN_REFUSED)
        else:
            await self._app(scope, receive, headed)

    def _names(self) -> frozenset[str]:
        settings = self._hub.settings
        urls = (settings.public_url, settings.dashboard.url)
        named = {name_of(urlsplit(one).netloc.lower()) for one in urls if one}
        return LOOPBACK | self._hosts | named | {*settings.dashboard.hosts}


_HOST_REFUSED: Final = (
    b"This name is not one of ours. Open the dashboard at 127.0.0.1, or name the host under"
    b' [dashboard] in the configuration: hosts = ["ops.shop.example"]\n'
)
_ORIGIN_REFUSED: Final = b"This form did not come from a page of the dashboard.\n"


def name_of(host: str) -> str:
    """A `Host` without its port."""
    name, colon, port = host.rpartition(":")
    return name if colon and port.isascii() and port.isdigit() else host


def is_ours(headers: Headers, host: str) -> bool:
    """Whether a browser says that a request comes from a page of this host."""
    origin, site = headers.getlist("origin"), headers.getlist("sec-fetch-site")
    if len(origin) != 1 or (site and site != ["same-origin"]):
        return False
    try:
        return urlsplit(origin[0]).netloc.lower() == host
    except ValueError:
        return False


async def _refuse(send: Send, status: int, text: bytes) -> None:
    headers = [
        (b"content-type", b"text/plain; charset=utf-8"),
        (b"content-length", b"%d" % len(text)),
    ]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": text})
