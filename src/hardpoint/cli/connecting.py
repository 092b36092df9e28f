"""Connecting one account from a terminal: a browser goes to the provider, and back to this machine.

The answer comes over loopback (RFC 8252, 7.3). Any page can send a browser there, so what counts is
the state, which is ours alone, and the verifier, which nobody else can have.
"""

import asyncio
import socket
from collections.abc import Callable
from dataclasses import replace
from typing import Final, final
from urllib.parse import parse_qsl

from hardpoint.cli.failures import unreachable
from hardpoint.core.errors import (
    ClientRefusedError,
    ConfigurationError,
    FlowError,
    HardpointError,
)
from hardpoint.hub.accounts import Accounts
from hardpoint.hub.identity import IdentitySettings
from hardpoint.hub.oauth import OAuthSettings
from hardpoint.oauth.device import DeviceCode
from hardpoint.oauth.flow import CALLBACK, FlowDone, FlowKind
from hardpoint.oauth.states import ConnectionStatus

PORT: Final = 8765
"""Where answers come, unless told otherwise: the redirect URI has to be registered with it."""
_HEAD_BYTES_MAX = 64 * 1024
_HEAD_SECONDS = 5.0
_FOREIGN: Final = frozenset({"unknown_state", "repeated_parameter", "too_long"})
"""Reasons that say no more than that somebody else has sent it."""


async def connected(
    identity: IdentitySettings,
    name: str,
    *,
    tenant: str,
    connection: str | None = None,
    port: int = PORT,
    seconds: float = 300.0,
    show: Callable[[str, str], object],
) -> FlowDone:
    """Connect an account and put it into the vault.

    Args:
        identity: the vault and our registrations.
        name: of the registration, `[oauth.<name>]`.
        tenant: whose the connection is.
        connection: what to call it; the registration's name otherwise.
        port: of loopback; 0 for any free one.
        seconds: how long to wait for the person.
        show: told the address to open, and the one it comes back to.

    Raises:
        ConfigurationError: there is no such registration, or it is not for connections.
        CommandError: another program has the port.
        FlowError: the person said no, or did nothing in time.
    """
    one = _registration(identity, name)
    try:
        own = socket.create_server(("127.0.0.1", port))
    except OSError as error:
        raise unreachable(
            f"port {port} is not available ({error.strerror})", hint="name another one: --port"
        ) from None
    with own:
        here = f"127.0.0.1:{own.getsockname()[1]}"
        alone = replace(identity, oauth={name: one})
        async with alone.accounts(f"http://{here}") as accounts:
            begun = await accounts.flows.begin(
                FlowKind.CONNECT, name, user=tenant, connection=connection
            )
            listener = _Listener(here, accounts, begun.held, name, tenant)
            server = await asyncio.start_server(listener.converse, sock=own, limit=_HEAD_BYTES_MAX)
            async with server:
                show(begun.url, f"http://{here}{CALLBACK}{name}")
                return await listener.outcome(seconds)


async def connected_by_device(
    identity: IdentitySettings,
    name: str,
    *,
    tenant: str,
    connection: str | None = None,
    show: Callable[[DeviceCode], object],
) -> ConnectionStatus:
    """Connect an account by a code that a person enters elsewhere, and put it into the vault.

    Args:
        identity: the vault and our registrations.
        name: of the registration.
        tenant: whose the connection is.
        connection: what to call it; the registration's name otherwise.
        show: told the code, and where to enter it.

    Raises:
        ConfigurationError: there is no such registration, or its provider has no such flow.
        FlowError: the person said no, or did nothing in time.
    """
    one = _registration(identity, name)
    alone = replace(identity, oauth={name: one})
    async with alone.accounts("http://127.0.0.1") as accounts:
        return await accounts.connect_by_device(
            name, tenant=tenant, connection=connection, show=show
        )


def _registration(identity: IdentitySettings, name: str) -> OAuthSettings:
    one = identity.oauth.get(name)
    if one is None or not one.connect or one.for_itself:
        known = ", ".join(sorted(identity.oauth)) or "none"
        raise ConfigurationError(
            f"oauth.{name}", "is not configured for connections", fix=f"Configured: {known}"
        )
    return one


@final
class _Listener:
    """Takes the one answer that is ours; whatever else comes is turned away."""

    def __init__(self, here: str, accounts: Accounts, held: str, name: str, tenant: str) -> None:
        self._here = here
        self._accounts = accounts
        self._held = held
        self._name = name
        self._tenant = tenant
        self._outcomes: asyncio.Queue[FlowDone | HardpointError] = asyncio.Queue()

    async def outcome(self, seconds: float) -> FlowDone:
        try:
            found = await asyncio.wait_for(self._outcomes.get(), seconds)
        except TimeoutError:
            raise FlowError("Nobody came back in time", reason="timeout") from None
        if isinstance(found, HardpointError):
            raise found
        return found

    async def converse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            head = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), _HEAD_SECONDS)
            writer.write(_page(*await self._answer(head.decode("latin-1"))))
            await writer.drain()
        except (OSError, TimeoutError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            pass  # no browser of ours
        finally:
            writer.close()

    async def _answer(self, head: str) -> tuple[str, str]:
        first, *lines = head.split("\r\n")
        method, _, rest = first.partition(" ")
        path, _, query = rest.partition(" ")[0].partition("?")
        hosts = [line[5:].strip() for line in lines if line.lower().startswith("host:")]
        if hosts != [self._here]:  # a name that somebody has bent to this machine
            return "400 Bad Request", "This is not the place."
        if (method, path) != ("GET", f"{CALLBACK}{self._name}"):
            return "404 Not Found", "There is nothing here."
        return await self._finished(parse_qsl(query, keep_blank_values=True))

    async def _finished(self, query: list[tuple[str, str]]) -> tuple[str, str]:
        try:
            done = await self._accounts.flows.finish(
                self._name, query, held=self._held, user=self._tenant
            )
            await self._accounts.keep(done)
        except HardpointError as error:
            if isinstance(error, FlowError) and error.reason in _FOREIGN:
                return "400 Bad Request", "This answer is not ours."
            self._outcomes.put_nowait(error)
            why = f" ({error.reason})" if isinstance(error, ClientRefusedError) else ""
            return "400 Bad Request", f"It did not succeed{why}; see the terminal."
        self._outcomes.put_nowait(done)
        return "200 OK", "Connected. You may close this window."


def _page(status: str, said: str) -> bytes:
    body = f"{said}\n".encode()
    lines = (
        f"HTTP/1.1 {status}",
        "content-type: text/plain; charset=utf-8",
        f"content-length: {len(body)}",
        "cache-control: no-store",
        "referrer-policy: no-referrer",
        "connection: close",
    )
    return "\r\n".join((*lines, "", "")).encode() + body
