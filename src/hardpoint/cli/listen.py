"""`hardpoint listen`: webhooks for an application that is being written, verified and passed on."""

import asyncio
import re
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from socket import socket
from typing import Annotated, Any, Final
from urllib.parse import urlsplit

import msgspec
import typer

from hardpoint.cli.failures import Exit, usage
from hardpoint.cli.inputs import address_from, secrets_from
from hardpoint.cli.looking import public_of
from hardpoint.cli.options import (
    CONFIG,
    Config,
    Json,
    LiveOption,
    SecretRefs,
    commands,
    terminal_of,
)
from hardpoint.cli.tables import colours_wanted
from hardpoint.cli.tail import time_of_day
from hardpoint.cli.terminal import Terminal, on_interrupt
from hardpoint.cli.tunnels import tunnelled
from hardpoint.cli.verify import key_fetch
from hardpoint.core.errors import ConfigurationError
from hardpoint.http.asynchronous import AsyncTransport
from hardpoint.http.limits import Limits, checked_url
from hardpoint.http.redaction import MASK
from hardpoint.hub.asgi import InboxApp
from hardpoint.hub.settings import Settings, SourceSettings
from hardpoint.service.connection import GuardedProtocol
from hardpoint.service.guard import IngressGuard, IngressLimits
from hardpoint.service.listener import ListeningSocket, application
from hardpoint.service.relay import ANSWER_BYTES_MAX, FORWARD_SECONDS, Relay, Relayed
from hardpoint.service.server import new_event_loop
from hardpoint.service.sockets import bind, url_of
from hardpoint.webhooks.verification import DESCRIBED, scheme_type

PORT: Final = 8100
SERVED: Final = "http://127.0.0.1:8000"
"""Where `hardpoint serve` listens unless told otherwise."""
CONNECTIONS: Final = 256
SOURCE: Final = "{source}"
_SECRETIVE: Final = re.compile(rb"auth|cookie|hmac|key|secret|sign|token")
"""In the names of headers that may prove something, whoever has sent them."""
_ANSWER_SHOWN: Final = 120

app = commands()


@app.command()
def listen(
    context: typer.Context,
    sources: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="SOURCE",
            help="Sources of the configuration, or a provider with --secret. Default: all sources.",
        ),
    ] = None,
    *,
    forward_to: Annotated[
        str | None,
        typer.Option(
            metavar="URL",
            help="Your application; {source} stands for the source's name, and an address alone"
            f" for /webhooks/{{source}} there. Default: the server that runs, else {SERVED}.",
        ),
    ] = None,
    config: Config = CONFIG,
    secret: SecretRefs = None,
    port: Annotated[
        int, typer.Option(min=0, max=65535, help="Listen here; 0 takes a free port.")
    ] = PORT,
    tunnel: Annotated[
        str | None,
        typer.Option(
            metavar="COMMAND",
            help='Your tunnel, such as "cloudflared tunnel --url {url}"; it ends with this.',
        ),
    ] = None,
    public_url: Annotated[
        str | None,
        typer.Option(metavar="URL", help="Where vendors reach this, if you run a tunnel yourself."),
    ] = None,
    print_headers: Annotated[
        bool,
        typer.Option("--print-headers", help="Show each request's headers; proofs are masked."),
    ] = False,
    live: LiveOption = False,
    json: Json = False,
) -> int:
    """Take webhooks, verify them, give them to your application, and show what it answers.

    The request goes on as it came, and your application's answer is the vendor's. Nothing is kept:
    what does not verify is answered 401, and what nobody takes 502, which vendors repeat. Ctrl-C
    ends it.
    """
    terminal = terminal_of(context, json=json)
    if tunnel is not None and public_url is not None:
        raise usage("--tunnel says itself where it is", hint="leave --public-url out")
    settings, served = _chosen(terminal, sources or [], secret, config)
    targets = _targets(settings, forward_to or served or SERVED, live=live)
    with ExitStack() as stack:
        session = _Session(terminal=terminal, headers=print_headers)
        stack.enter_context(on_interrupt(session.interrupted))
        sock = stack.enter_context(bind("127.0.0.1", port, key="--port"))
        local = url_of(sock)
        if tunnel is not None:
            running = stack.enter_context(tunnelled(tunnel, local))
            session.tunnel = running.ended
            terminal.say("waiting for the tunnel to say where it is ...")
            public_url = running.wait()
        public = _reached_at(settings, public_url)
        with asyncio.Runner(loop_factory=new_event_loop) as runner:
            runner.run(session.run(sock, public, targets))
    if session.tunnel.done():
        terminal.say("the tunnel has ended, and this with it")
        return Exit.UNREACHABLE
    return Exit.OK


@dataclass(slots=True, kw_only=True)
class _Session:
    """One run: it tells of every request until it is stopped."""

    terminal: Terminal
    headers: bool
    tunnel: Future[None] = field(default_factory=Future[None])
    """Done when the tunnel has ended by itself; never without one."""
    stop: Callable[[], object] | None = None

    def interrupted(self) -> None:
        """Ctrl-C and SIGTERM end it softly while it serves; otherwise at once."""
        if self.stop is None:
            raise KeyboardInterrupt
        self.stop()

    def _tell_where(self, public: Settings, local: str, targets: Mapping[str, str]) -> None:
        """Say what to register, and where it goes."""
        rows = [
            {
                "source": name,
                "provider": one.provider,
                "url": f"{local}/webhooks/{name}",
                "register": public.webhook_url(name),
                "forward_to": targets[name],
            }
            for name, one in public.webhooks.items()
        ]
        lines = [f"hardpoint listens at {local}"]
        for row in rows:
            lines.append(f"  {row['source']} ({row['provider']})")
            lines.append(f"    register    {row['register'] or row['url']}")
            lines.append(f"    forwards to {row['forward_to']}")
        self.terminal.show({"url": local, "sources": rows}, *lines)
        self.terminal.say("Nothing is kept here. Ctrl-C ends it.")

    async def run(self, sock: socket, settings: Settings, targets: Mapping[str, str]) -> None:
        """Serve until a signal, or the tunnel's end."""
        loop, stopping = asyncio.get_running_loop(), asyncio.Event()
        self.stop = partial(_stop, loop, stopping)
        self.tunnel.add_done_callback(lambda _: _stop(loop, stopping))
        clock = self.terminal.clock
        limits = Limits(exchange=FORWARD_SECONDS, body_bytes_max=ANSWER_BYTES_MAX)
        async with AsyncTransport(limits) as transport:
            relay = Relay(
                settings,
                targets,
                transport,
                clock=clock,
                fetch=key_fetch(clock),
                told=partial(self._tell, settings),
            )
            guard = IngressGuard(
                IngressLimits(connections=CONNECTIONS), clock, refused=relay.refused
            )
            asgi = application(InboxApp(relay, bodies=guard.bodies))
            listener = ListeningSocket(sock, guard, partial(GuardedProtocol, guard, asgi))
            await listener.start()
            try:
                self._tell_where(settings, listener.url, targets)
                await stopping.wait()
            finally:
                self.stop = None
                await listener.drain(soft=0, limit=1)
                await relay.close()
        for told, count in relay.problems.items():
            self.terminal.say(f"refused unread: {count} x {told}")

    def _tell(self, settings: Settings, one: Relayed) -> None:
        terminal = self.terminal
        painted = terminal.width is not None and colours_wanted()
        known = settings.webhooks.get(one.source)
        headers = _shown_headers(one, known)
        data = _data(one, headers if self.headers else None)
        if terminal.json:
            terminal.stream(data, "")
            return
        when = time_of_day(one.at)
        what = f"{one.type or '-'}  {one.id or '-'}  {one.body_bytes} bytes"
        terminal.stream(data, f"{when}  {one.source}  ->  {what}")
        for name, value in headers if self.headers else ():
            terminal.stream(data, f"    {name}: {value}")
        if one.steps:
            terminal.stream(data, f"    {', '.join(map(str, one.steps))}")
        if one.verification is not None and one.verification.reason != "verified":
            text = f"    {one.verification.reason}: {one.verification.message}"
            terminal.stream(data, text, colour="31" if painted else None)
        took = "" if one.seconds is None else f"  {one.seconds * 1000:.1f} ms"
        said = one.error or " ".join(one.answer.split())[:_ANSWER_SHOWN]
        bad = not 200 <= one.status < 400
        when = time_of_day(one.answered_at)
        line = f"{when}  {one.source}  <-  {one.status}{took}  {one.id or '-'}  {said}".rstrip()
        terminal.stream(data, line, colour="31" if bad and painted else None)


def _data(one: Relayed, headers: list[tuple[str, str]] | None) -> dict[str, Any]:
    """For programs."""
    verification = one.verification
    data = {
        "at": one.at,
        "source": one.source,
        "type": one.type,
        "id": one.id,
        "body_bytes": one.body_bytes,
        "verified": verification is not None and verification.ok,
        "reason": None if verification is None else verification.reason,
        "message": None if verification is None else verification.message,
        "steps": msgspec.to_builtins(one.steps),
        "forward_to": one.target,
        "status": one.status,
        "milliseconds": None if one.seconds is None else round(one.seconds * 1000, 1),
        "answer": one.answer,
        "error": one.error,
    }
    return data if headers is None else {**data, "headers": headers}


def _shown_headers(one: Relayed, known: SourceSettings | None) -> list[tuple[str, str]]:
    """As they came, but for what proves who sent them."""
    proofs = frozenset[bytes]() if known is None else scheme_type(known.provider).signature_headers
    return [
        (
            name.decode("latin-1"),
            MASK if name in proofs or _SECRETIVE.search(name) else value.decode("latin-1"),
        )
        for name, value in one.headers
    ]


def _chosen(
    terminal: Terminal, names: list[str], references: list[str] | None, config: Path
) -> tuple[Settings, str | None]:
    """The sources that are meant, their secrets at hand, and the server that runs on them."""
    served: str | None = None
    if references or (names and not config.exists()):
        if len(names) != 1 or names[0] in DESCRIBED:
            raise usage(
                "--secret goes with one provider",
                hint="hardpoint listen PROVIDER --secret env:NAME",
            )
        scheme_type(names[0])
        secrets = tuple(secrets_from(terminal, references))
        one = SourceSettings(name=names[0], provider=names[0], secrets=secrets)
        chosen = Settings(webhooks={one.name: one})
    else:
        settings = Settings.load(config, secrets=False)
        every = settings.webhooks
        found = {
            name: one
            for name, one in every.items()
            if not names or name in names or one.provider in names
        }
        missing = [
            one for one in names if not any(one in {x.name, x.provider} for x in found.values())
        ]
        if missing or not found:
            known = ", ".join(f"{one.name} ({one.provider})" for one in every.values()) or "none"
            raise ConfigurationError(
                str(config),
                f"has no such source: {', '.join(missing) or 'any'}; it has: {known}",
                fix="name one of them, or a provider with --secret REF",
            )
        chosen = Settings(
            webhooks={name: replace(one, forward=None) for name, one in found.items()},
            public_url=settings.public_url,
        )
        served = public_of(settings)
    chosen.check_secrets()
    return chosen, served


def _targets(settings: Settings, forward_to: str, *, live: bool) -> Mapping[str, str]:
    """Where the requests of each source go."""
    if forward_to.startswith("unix:"):
        raise usage(f"the server listens at {forward_to}", hint="name another with --forward-to")
    if "://" not in forward_to:
        forward_to = f"http://{forward_to}"
    plain = forward_to.replace(SOURCE, "source")
    address_from(plain, live=live, option="--forward-to")
    if urlsplit(plain).path in {"", "/"}:
        forward_to = f"{forward_to.rstrip('/')}/webhooks/{SOURCE}"
    return {name: forward_to.replace(SOURCE, name) for name in settings.webhooks}


def _reached_at(settings: Settings, public_url: str | None) -> Settings:
    """The settings for as long as vendors reach us there: some sign the address they call."""
    if public_url is None:
        return settings
    url = checked_url(public_url, key="--public-url").rstrip("/")
    webhooks = {name: replace(one, url=None) for name, one in settings.webhooks.items()}
    return replace(settings, public_url=url, webhooks=webhooks)


def _stop(loop: asyncio.AbstractEventLoop, stopping: asyncio.Event) -> None:
    with suppress(RuntimeError):  # the loop has ended meanwhile
        loop.call_soon_threadsafe(stopping.set)
