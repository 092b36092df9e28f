"""How a command ends: its exit code, and the one line that says why and what to type next."""

from dataclasses import dataclass, replace
from enum import IntEnum
from importlib import import_module
from typing import Final, final

from hardpoint.core.errors import (
    ClientRefusedError,
    ConfigurationError,
    HardpointError,
    OAuthError,
    ProviderError,
    ReauthorizationRequiredError,
    RejectedError,
    StoreCorruptError,
    StoreError,
    TimedOutError,
    UnsupportedError,
    WebhookError,
)


class Exit(IntEnum):
    """What the shell sees."""

    OK = 0
    NO = 1
    """The answer is no: a bad signature, something unhealthy, no such event."""
    USAGE = 2
    CONFIGURATION = 3
    """The configuration or a credential is missing or wrong."""
    UNREACHABLE = 4
    """The other side did not work: provider, network, server or store."""
    REFUSED = 5
    """A safety gate said no; nothing was done."""
    PARTLY = 6
    """Of several things asked for, some were done."""
    INTERRUPTED = 130
    PIPE = 141
    """Whoever read our output went away: as a shell reports SIGPIPE."""


@final
class CommandError(Exception):
    """A command cannot do what was asked.

    Args:
        message: one sentence.
        exit_code: what the shell sees.
        code: a stable word for programs.
        hint: the next command, or what to change; by default the command's own help.
    """

    def __init__(
        self, message: str, *, exit_code: Exit, code: str, hint: str | None = None
    ) -> None:
        super().__init__(message)
        self.exit_code = exit_code
        self.code = code
        self.hint = hint


def usage(message: str, *, hint: str | None = None) -> CommandError:
    """The command line itself is wrong."""
    return CommandError(message, exit_code=Exit.USAGE, code="usage", hint=hint)


def refused(message: str, *, hint: str) -> CommandError:
    """A safety gate said no; `hint` names the way through."""
    return CommandError(message, exit_code=Exit.REFUSED, code="refused", hint=hint)


def unreachable(message: str, *, hint: str) -> CommandError:
    """Nobody answered, or not as expected."""
    return CommandError(message, exit_code=Exit.UNREACHABLE, code="unreachable", hint=hint)


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """An error as it is told."""

    code: str
    message: str
    hint: str | None
    exit_code: Exit


_KINDS: tuple[tuple[type[HardpointError], str, Exit, str | None], ...] = (
    (ConfigurationError, "configuration", Exit.CONFIGURATION, "hardpoint doctor"),
    (UnsupportedError, "unsupported", Exit.USAGE, None),
    (WebhookError, "webhook", Exit.NO, None),
    (StoreCorruptError, "store_corrupt", Exit.UNREACHABLE, "hardpoint doctor"),
    (StoreError, "store", Exit.UNREACHABLE, "hardpoint doctor"),
    (RejectedError, "rejected", Exit.REFUSED, None),
    (ProviderError, "provider", Exit.UNREACHABLE, None),
    (TimedOutError, "timed_out", Exit.UNREACHABLE, None),
    (
        ReauthorizationRequiredError,
        "reauthorization_required",
        Exit.NO,
        "have the user connect the account again",
    ),
    (ClientRefusedError, "client_refused", Exit.CONFIGURATION, "hardpoint doctor"),
    (OAuthError, "oauth", Exit.UNREACHABLE, None),
    (HardpointError, "error", Exit.NO, None),
)
"""How each kind of our errors ends a command; the first that fits."""
_EXTRAS: Final = {
    "asyncpg": "postgres",
    "fastapi": "demo,serve",
    "joserfc": "oauth",
    "mcp": "mcp,serve",
    "psycopg": "postgres",
    "python_multipart": "demo,serve",
    "prometheus_client": "prometheus",
    "rich": "serve",
    "starlette": "serve",
    "typer": "serve",
    "uvicorn": "serve",
}
"""The extras that bring a package, as pip is told of them."""


def required(package: str) -> None:
    """See that a package of an extra is there.

    Raises:
        CommandError: it is not; names the line that installs it.
    """
    try:
        import_module(package)
    except ModuleNotFoundError as error:
        raise not_installed(package) from error


def not_installed(package: str) -> CommandError:
    """A package is missing that an extra brings."""
    return CommandError(
        f"this command needs {package}, which is not installed",
        exit_code=Exit.CONFIGURATION,
        code="not_installed",
        hint=f"pip install 'hardpoint[{_EXTRAS[package]}]'",
    )


def failure_of(error: Exception) -> Failure:
    """What to tell of an error.

    One that nobody foresaw is told by its class alone: its message may hold anything, a secret
    included. `HARDPOINT_DEBUG=1` shows it whole.
    """
    missing = (error.name or "").partition(".")[0] if isinstance(error, ModuleNotFoundError) else ""
    if missing in _EXTRAS:
        error = not_installed(missing)
    if isinstance(error, CommandError):
        return Failure(
            code=error.code, message=str(error), hint=error.hint, exit_code=error.exit_code
        )
    for kind, code, exit_code, hint in _KINDS:
        if isinstance(error, kind):
            told = Failure(code=code, message=str(error), hint=hint, exit_code=exit_code)
            return _refined(told, error)
    return Failure(
        code="internal",
        message=f"something unforeseen went wrong ({type(error).__name__})",
        hint="repeat the command with HARDPOINT_DEBUG=1 in the environment",
        exit_code=Exit.NO,
    )


def _refined(told: Failure, error: HardpointError) -> Failure:
    if isinstance(error, ConfigurationError):
        message = f"{error.key}: {error.problem}"
        return replace(told, message=message, hint=error.fix or told.hint)
    if isinstance(error, WebhookError):
        return replace(told, code=error.reason)
    if isinstance(error, ProviderError):
        return replace(told, code=error.code)
    return told
