"""`hardpoint fakes`: vendors imitated on loopback, for programs in any language."""

import os
import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from functools import partial
from queue import SimpleQueue
from shlex import quote
from typing import Annotated, Any, Final, TypeVar, final

import msgspec
import typer

from hardpoint.cli.failures import Exit, usage
from hardpoint.cli.inputs import address_from
from hardpoint.cli.options import Json, LiveOption, commands, terminal_of
from hardpoint.cli.snippets import snippet_of
from hardpoint.cli.terminal import Terminal, on_interrupt
from hardpoint.core.errors import ConfigurationError
from hardpoint.core.providers import load, provider
from hardpoint.fakes.control import CONTROL
from hardpoint.fakes.emitter import ORDERLY, Delivered
from hardpoint.fakes.faults import Faults
from hardpoint.fakes.messages import Exchange
from hardpoint.fakes.orders import chaos_of, fault_of
from hardpoint.fakes.server import FakeServer
from hardpoint.fakes.vendors import emitter_of, facts_of, fake, fake_names, fake_server_names

PORT: Final = 12111
_PORT_MAX = 65535
_NAMED = re.compile(r"([a-z0-9_.]+)([=:])(.*)", re.DOTALL)
R = TypeVar("R")
Heard = SimpleQueue[tuple[str, Exchange | Delivered] | None]
"""What happened, and at which vendor; None to stop."""

app = commands()


@app.command()
def fakes(
    context: typer.Context,
    providers: Annotated[
        list[str] | None,
        typer.Argument(metavar="PROVIDER", help="The vendors to imitate. Default: all."),
    ] = None,
    *,
    port: Annotated[
        list[str] | None,
        typer.Option(
            metavar="PORT|NAME=PORT",
            help=f"The first vendor's port, or NAME's; 0 takes a free one. Default: {PORT}.",
        ),
    ] = None,
    webhooks: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME=URL", help="Send a vendor's signed webhooks here."),
    ] = None,
    fault: Annotated[
        list[str] | None,
        typer.Option(
            metavar="[NAME:]FAULT",
            help="A fault: status=503,times=2; commit_then_drop; latency=1,chance=0.1.",
        ),
    ] = None,
    chaos: Annotated[
        list[str] | None,
        typer.Option(
            metavar="[NAME:]CHAOS",
            help="What happens to webhooks: duplicates=2, shuffled, late=600, forged, share=0.5.",
        ),
    ] = None,
    optional_fields: Annotated[
        bool, typer.Option(help="Also say what a vendor may leave out of answers and events.")
    ] = True,
    seed: Annotated[int, typer.Option(help="The seed of everything random.")] = 0,
    live: LiveOption = False,
    json: Json = False,
) -> int:
    """Imitate vendors over HTTP on this machine, until Ctrl-C.

    It prints a line for each request and each webhook. With --json it first prints the envelope,
    when all are ready. Tests control a vendor through its URL, below /_hardpoint/.
    """
    terminal = terminal_of(context, json=json)
    names = list(dict.fromkeys(providers or sorted((*fake_names(), *fake_server_names()))))
    stands = [_Stand(name, seed, optional_fields=optional_fields) for name in names]
    _set_ports(stands, port or [])
    for stand, text in _given("--fault", fault or [], stands, ":"):
        if stand.own and text not in (fault or []):  # it was named
            raise usage(f"{stand.name} takes no faults here", hint="plan them in Python")
        _read("--fault", text, fault_of).place(stand.faults)
    for stand, text in _given("--chaos", chaos or [], stands, ":"):
        stand.chaos = _read("--chaos", text, lambda one: chaos_of(one, seed=seed))
    for text in webhooks or []:
        if "=" not in text.partition(":")[0]:
            raise usage("--webhooks needs a name", hint=f"--webhooks {names[0]}=URL")
    for stand, url in _given("--webhooks", webhooks or [], stands, "="):
        stand.send_to(address_from(url, live=live, option="--webhooks"))
    heard: Heard = SimpleQueue()
    with ExitStack() as stack:
        for stand in stands:
            stand.open(stack, heard)
        stack.enter_context(on_interrupt(lambda: heard.put(None)))
        terminal.show(
            {"fakes": [stand.data() for stand in stands]},
            *(line for stand in stands for line in stand.lines()),
        )
        terminal.say("Ctrl-C stops them.")
        _relay(terminal, heard)
    return Exit.OK


@final
class _Stand:
    """One vendor, and what was asked for it."""

    def __init__(self, name: str, seed: int, *, optional_fields: bool) -> None:
        self.name = name
        self.own: Any = None
        """What serves itself, not by HTTP: its class."""
        if name in fake_server_names() and optional_fields:
            self.own = self.app = load(provider(name).fake_server or "")
        else:
            try:
                self.app = fake(name, optional_fields=optional_fields)
            except ConfigurationError as error:
                raise usage(error.problem, hint=error.fix) from None
        self.faults = Faults(seed)
        self.port = 0
        self.receiver: str | None = None
        self.chaos = ORDERLY
        self.url = ""

    def open(self, stack: ExitStack, heard: Heard) -> None:
        """Serve until the stack is closed."""

        def tell(one: Exchange | Delivered) -> None:
            heard.put((self.name, one))

        kind = self.own or partial(FakeServer, self.app, self.faults)
        try:
            self.url = stack.enter_context(kind(port=self.port, heard=tell)).url
        except OSError as error:
            raise ConfigurationError(
                "--port",
                f"127.0.0.1:{self.port} cannot be opened ({os.strerror(error.errno or 0)})",
                fix=f"Stop the process that has it, or choose: --port {self.name}=0",
            ) from None
        emitter = emitter_of(self.app)
        if emitter is not None:
            stack.callback(emitter.close)  # before the server: a receiver may have questions
        if emitter is not None and self.receiver is not None:
            emitter.follow(self.receiver, self.chaos, tell)

    def send_to(self, url: str) -> None:
        """Send its webhooks there."""
        if emitter_of(self.app) is None:
            raise usage(f"{self.name} sends no webhooks", hint="leave its --webhooks out")
        self.receiver = url

    def data(self) -> dict[str, Any]:
        """What a caller has to know, and what to write into the configuration."""
        snippet = snippet_of(self.app, self.url, self.receiver)
        return {
            "provider": self.name,
            "url": self.url,
            "control": None if self.own else f"{self.url}{CONTROL}",
            "webhooks": self.receiver,
            "hardpoint_toml": snippet.toml,
            "environment": snippet.environment,
            **msgspec.to_builtins(facts_of(self.app)),
        }

    def lines(self) -> list[str]:
        """The same for people."""
        snippet = snippet_of(self.app, self.url, self.receiver)
        lines = [f"{self.name}  {self.url}", *snippet.toml.splitlines()]
        if snippet.environment:
            exported = (f"{name}={quote(value)}" for name, value in snippet.environment.items())
            lines.append(f"export {' '.join(exported)}")
        return ["\n    ".join(line for line in lines if line), ""]


def _set_ports(stands: list[_Stand], texts: Sequence[str]) -> None:
    """Those that follow the first one's port, then those that have their own."""
    texts = texts or [str(PORT)]
    base = next((text for text in reversed(texts) if "=" not in text), str(PORT))
    first = _read("--port", base, _port)
    for number, stand in enumerate(stands):
        stand.port = first + number if first else 0
    for stand, text in _given("--port", [one for one in texts if "=" in one], stands, "="):
        stand.port = _read("--port", text, _port)


def _port(text: str) -> int:
    port = int(text)
    if not 0 <= port <= _PORT_MAX:
        raise ConfigurationError(repr(text), "is no port", fix=f"Choose one up to {_PORT_MAX}")
    return port


def _given(
    option: str, texts: Sequence[str], stands: Sequence[_Stand], separator: str
) -> Iterator[tuple[_Stand, str]]:
    """What each vendor was given; without a name before it, it is for all."""
    for text in texts:
        named = _NAMED.fullmatch(text)
        if named is None or named[2] != separator:
            yield from ((stand, text) for stand in stands)
            continue
        found = [stand for stand in stands if stand.name == named[1]]
        if not found:
            served = ", ".join(stand.name for stand in stands)
            raise usage(f"{option}: {named[1]} is not served here", hint=f"served: {served}")
        yield found[0], named[3]


def _read(option: str, text: str, read: Callable[[str], R]) -> R:
    try:
        return read(text)
    except ConfigurationError as error:
        raise usage(f"{option}: {error.key} {error.problem}", hint=error.fix) from None
    except ValueError:
        raise usage(f"{option}: {text!r} is no number") from None


def _relay(terminal: Terminal, heard: Heard) -> None:
    """Tell what happens, until it stops."""
    while (come := heard.get()) is not None:
        name, one = come
        kind = "request" if isinstance(one, Exchange) else "webhook"
        data = {"provider": name, "kind": kind, **msgspec.to_builtins(one)}
        terminal.stream(data, f"{name}  {one}")
