"""The command line's side of the operator's API: blocking, to a server on this machine."""

import http.client
from contextlib import closing
from pathlib import Path
from typing import Any, final
from urllib.parse import quote, urlsplit

import msgspec

from hardpoint.core.errors import ConfigurationError, StoreUnavailableError
from hardpoint.service import runfile
from hardpoint.service.runfile import RunningServer

ALIVE_SECONDS = 2.0
ANSWER_SECONDS = 30.0
_BYTES_MAX = 64 * 1024


def running(database: Path | None) -> "Operator | None":
    """The server that has this file; None when none runs, whatever file one left behind.

    A store without a file, on PostgreSQL, belongs to no server: it is asked itself.

    Raises:
        ConfigurationError: it runs as another user.
    """
    run = None if database is None else runfile.read(runfile.path_of(database))
    if run is None or not runfile.process_lives(run.pid):
        return None
    operator = Operator(run)
    return operator if operator.answers() else None


@final
class Operator:
    """Orders to a running server; one it does not carry out is a `StoreUnavailableError`."""

    def __init__(self, run: RunningServer) -> None:
        self.run = run

    def answers(self) -> bool:
        """Whether that very server is there: the same process, knowing the same token."""
        try:
            status, told = self._ask("GET", "/api/server", None, ALIVE_SECONDS)
        except StoreUnavailableError:
            return False
        return status == 200 and told.get("pid") == self.run.pid

    def retry(
        self, event_id: str, handler: str | None = None, *, actor: str = "", reason: str = ""
    ) -> int:
        """See `Hub.retry`."""
        order = {"handler": handler, "actor": actor, "reason": reason}
        return self._order(event_id, "retry", order)

    def replay(
        self,
        event_id: str,
        handler: str | None = None,
        *,
        force: bool = False,
        actor: str = "",
        reason: str = "",
    ) -> int:
        """See `Hub.replay`.

        Raises:
            ConfigurationError: there is no such handler.
        """
        order = {"handler": handler, "actor": actor, "reason": reason, "force": force}
        return self._order(event_id, "replay", order)

    def resolve(
        self, event_id: str, handler: str | None = None, *, note: str, actor: str = ""
    ) -> int:
        """See `Hub.resolve`."""
        return self._order(event_id, "resolve", {"handler": handler, "note": note, "actor": actor})

    def _order(self, event_id: str, action: str, order: dict[str, Any]) -> int:
        path = f"/api/events/{quote(event_id, safe='')}/{action}"
        status, told = self._ask("POST", path, order, ANSWER_SECONDS)
        if status == 200:
            return told["count"]
        if told.get("error") == "configuration":
            raise ConfigurationError(told["key"], told["problem"], fix=told["fix"])
        said = told.get("message") or told.get("error") or "nothing we understand"
        raise StoreUnavailableError(f"the server at {self.run.url} answered {status}: {said}")

    def _ask(
        self, method: str, path: str, body: dict[str, Any] | None, seconds: float
    ) -> tuple[int, dict[str, Any]]:
        where = urlsplit(self.run.url)
        # No proxy and no redirect: it is this machine's own server.
        content = None if body is None else msgspec.json.encode(body)
        headers = {"authorization": f"Bearer {self.run.token}", "content-type": "application/json"}
        try:
            with closing(
                http.client.HTTPConnection(where.hostname or "", where.port, timeout=seconds)
            ) as connection:
                connection.request(method, path, content, headers)
                with closing(connection.getresponse()) as reply:
                    told = msgspec.json.decode(reply.read(_BYTES_MAX), type=dict[str, Any])
        except (OSError, ValueError, http.client.HTTPException) as error:
            raise StoreUnavailableError(
                f"the server at {self.run.url} does not answer ({type(error).__name__})"
            ) from None
        return reply.status, told
