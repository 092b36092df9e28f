"""botocore and boto3 under a policy: every call of a client.

    s3 = guard(boto3.client("s3", config=Config(retries={"total_max_attempts": 1})), policy)

What is repeated: `hardpoint.calls.guarded`. Of the operations that are all a POST, those that AWS
names as it names reading (`Describe`, `Get`, `List`) are taken for it, and those that take a token
of the client's, which botocore sends, for idempotent ones.
"""

from typing import Any, Final, TypeVar, cast, final
from urllib.parse import urlsplit

from botocore.exceptions import BotoCoreError, HTTPClientError

from hardpoint.calls.client_errors import ClientKind
from hardpoint.calls.guarded import GuardedClient
from hardpoint.calls.guarded_connection import GuardedConnection
from hardpoint.calls.guarded_request import GuardedRequest
from hardpoint.resilience.policy import Policy
from hardpoint.resilience.timeout import remaining

__all__ = ["guard"]

SIGNATURE_SECONDS: Final = 240.0
"""No call lasts for longer: its attempts share one signature, which AWS takes for five minutes."""

_KIND: Final = ClientKind(
    base=BotoCoreError,
    connection=HTTPClientError,
    timeout=HTTPClientError,
    blank={"kwargs": {}, "request": None, "response": None},
)
_READING: Final = ("BatchGet", "Describe", "Get", "Head", "List")
_ID: Final = "hardpoint"
_Client = TypeVar("_Client")


def guard(client: _Client, policy: Policy[Any] | GuardedConnection) -> _Client:
    """Send every request of a client under a policy; gives the client itself.

    Args:
        client: of `boto3.client` or of a botocore session. Its own retries would multiply with
            those of the policy: `Config(retries={"total_max_attempts": 1})`.
        policy: or what `hub.guard` gives. Its `key=` is asked with the prepared request.

    Raises:
        ConfigurationError: the policy hedges or has a fallback.
    """
    boto: Any = client
    rules = GuardedClient(policy, deadline_max=SIGNATURE_SECONDS)
    config = boto.meta.config
    own: dict[str, Any] = config.retries or {}
    if own.get("total_max_attempts") != 1:
        rules.tell_of_retries(
            "botocore itself", 'Make the client with Config(retries={"total_max_attempts": 1})'
        )
    sending = _Sending(boto, rules, config.read_timeout)
    event = f"before-send.{boto.meta.service_model.service_id.hyphenize()}"
    boto.meta.events.unregister(event, unique_id=_ID)  # another policy's, which this one replaces
    boto.meta.events.register(event, sending.send, unique_id=_ID)
    return client


@final
class _Sending:
    """Sends the requests of one client."""

    def __init__(self, client: Any, rules: GuardedClient, read_timeout: float) -> None:
        self._session = client._endpoint.http_session
        self._service = client.meta.service_model
        self._rules = rules
        self._read_timeout = read_timeout
        self._keyed: dict[str, bool] = {}

    def send(self, request: Any, event_name: str, **_: Any) -> Any:
        """Send a request; called by the client before it would do so."""
        name = event_name.rpartition(".")[2]
        body: Any = request.body
        plain = isinstance(cast("object", body), str | bytes | bytearray | None)
        start: int = 0 if plain or not hasattr(body, "tell") else body.tell()
        context: dict[str, Any] = request.context or {}
        own = context.get("read_timeout")
        sent = False

        def send() -> Any:
            nonlocal sent
            if sent and not plain:
                body.seek(start)
            sent = True
            context["read_timeout"] = remaining(own or self._read_timeout)
            return self._session.send(request)

        guarded = GuardedRequest(
            native=request,
            method=request.method,
            host=urlsplit(str(request.url)).hostname or "",
            headers=request.headers,
            replayable=plain or hasattr(body, "seek"),
            reads=name.startswith(_READING),
            keyed=self._is_keyed(name),
            operation=name,
        )
        try:
            return self._rules.call(guarded, _KIND).finish_blocking(send, _close)
        finally:
            context["read_timeout"] = own

    def _is_keyed(self, name: str) -> bool:
        """Whether the operation takes a token: botocore sends one where the caller gives none."""
        keyed = self._keyed.get(name)
        if keyed is None:
            model = self._service.operation_model(name)
            keyed = self._keyed[name] = bool(model.idempotent_members)
        return keyed


def _close(response: Any) -> None:
    response.raw.close()
