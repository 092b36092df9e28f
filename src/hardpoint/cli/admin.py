"""Asking a running server at its admin listener."""

import http.client
import json
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any, Final, cast, final
from urllib.parse import quote, urlencode, urlsplit

import typer

from hardpoint.cli.failures import CommandError, Exit, refused, unreachable, usage
from hardpoint.cli.looking import public_of
from hardpoint.core.errors import HardpointError
from hardpoint.hub.settings import Settings
from hardpoint.service.operations import TOKEN, admin_token

ADDRESS: Final = "http://127.0.0.1:8001"
"""Where a server that was told nothing else has its admin listener."""
VARIABLE: Final = "HARDPOINT_ADMIN"
SECONDS: Final = 15.0
ANSWER_BYTES_MAX: Final = 64 * 1024 * 1024

AdminOption = Annotated[
    str | None,
    typer.Option(
        "--admin",
        metavar="URL",
        help=f"The server's admin address. Default: ${VARIABLE}, else that of the server found.",
    ),
]


@final
class AdminClient:
    """One server's admin listener.

    Args:
        url: of it.
        token: sent along, where there is one.
    """

    def __init__(self, url: str, token: str = "") -> None:
        parts = urlsplit(url)
        try:
            port = parts.port or 80
        except ValueError:
            port = 0
        if parts.scheme != "http" or not parts.hostname or not port:
            raise usage(f"{url} is no admin address", hint=f"--admin {ADDRESS}")
        self.url = f"http://{parts.netloc}"
        self._at = (parts.hostname, port)
        self._token = token

    @classmethod
    def of(cls, admin: str | None, config: Path) -> "AdminClient":
        """The server that is named, or that runs on the store of a configuration."""
        given = admin or os.environ.get(VARIABLE)
        try:
            settings = Settings.load(config, secrets=False)
        except HardpointError:  # a server may run without a file here
            return cls(given or ADDRESS, os.environ.get(TOKEN, ""))
        return cls(given or _beside(settings) or ADDRESS, admin_token(settings))

    def get(self, path: str, **query: object) -> Any:
        """An answer's JSON."""
        asked = {name: value for name, value in query.items() if value is not None}
        return self._asked("GET", f"{path}?{urlencode(asked)}" if asked else path, None)

    def post(self, path: str, content: Mapping[str, Any]) -> Any:
        """Have it do something."""
        return self._asked("POST", path, json.dumps(content).encode())

    def lines(self, path: str) -> Iterator[Any]:
        """An answer's lines of JSON, as they come; None now and then where none comes."""
        connection, answer = self._sent("GET", path, None)
        try:
            while line := answer.readline():
                yield json.loads(line) if line.strip() else None
        except (OSError, http.client.HTTPException, ValueError, RecursionError):  # it has ended
            return
        finally:
            connection.close()

    def _asked(self, method: str, path: str, body: bytes | None) -> Any:
        connection, answer = self._sent(method, path, body)
        try:
            return json.loads(answer.read(ANSWER_BYTES_MAX))
        except (OSError, http.client.HTTPException, ValueError, RecursionError) as error:
            raise self._silent(error) from error
        finally:
            connection.close()

    def _sent(
        self, method: str, path: str, body: bytes | None
    ) -> tuple[http.client.HTTPConnection, http.client.HTTPResponse]:
        connection = http.client.HTTPConnection(*self._at, timeout=SECONDS)
        headers = {"content-type": "application/json"} if body is not None else {}
        if self._token:
            headers["authorization"] = f"Bearer {self._token}"
        try:
            connection.request(method, path, body, headers)
            answer = connection.getresponse()
        except (OSError, http.client.HTTPException) as error:
            connection.close()
            raise self._silent(error) from error
        if answer.status == 200:
            return connection, answer
        try:
            said: Any = json.loads(answer.read(64 * 1024))
        except (OSError, http.client.HTTPException, ValueError, RecursionError):
            said = None
        connection.close()
        table = cast("dict[str, Any]", said) if isinstance(said, dict) else {}
        raise _refusal(self.url, answer.status, table)

    def _silent(self, error: Exception) -> CommandError:
        return unreachable(
            f"no server answers at {self.url} ({type(error).__name__})",
            hint="hardpoint serve, or name another with --admin URL",
        )


def segment(text: str) -> str:
    """As one part of a path."""
    return quote(text, safe="")


def _refusal(url: str, status: int, said: dict[str, Any]) -> CommandError:
    error = said.get("error", f"status {status}")
    if status == 404:
        return CommandError(
            f"the server at {url} knows no such thing",
            exit_code=Exit.NO,
            code="not_found",
            hint="list them first",
        )
    if status in {401, 403, 421}:
        return refused(
            f"the server at {url} refuses: {error}", hint=said.get("fix", f"set {TOKEN}")
        )
    return unreachable(f"the server at {url} answers {status}: {error}", hint="hardpoint doctor")


def _beside(settings: Settings) -> str | None:
    """The port after the public one of a server on this store."""
    parts = urlsplit(public_of(settings) or "")
    if parts.scheme != "http" or parts.port is None:
        return None
    return f"http://127.0.0.1:{parts.port + 1}"
