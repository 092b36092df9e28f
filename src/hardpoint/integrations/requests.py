"""requests under a policy, and every SDK that takes a session of it.

    session = requests.Session()
    session.mount("https://api.vendor.example/", GuardedAdapter(policy))
    stripe.default_http_client = stripe.RequestsClient(session=session)

What is repeated: `hardpoint.calls.guarded`.
"""

from typing import Any, Final, cast, final
from urllib.parse import urlsplit

import requests
from requests.adapters import HTTPAdapter

from hardpoint.calls.client_errors import ClientKind
from hardpoint.calls.guarded import GuardedClient
from hardpoint.calls.guarded_connection import GuardedConnection
from hardpoint.calls.guarded_request import GuardedRequest
from hardpoint.resilience.policy import Policy
from hardpoint.resilience.timeout import remaining

__all__ = ["GuardedAdapter"]

_KIND: Final = ClientKind(
    base=requests.RequestException,
    connection=requests.ConnectionError,
    timeout=requests.Timeout,
    blank={"request": None, "response": None},
)


@final
class GuardedAdapter(HTTPAdapter):
    """An adapter that sends every request under a policy.

    Mount it where the API is: one circuit for every host of a session would be too many.

    Args:
        policy: or what `hub.guard` gives. Its `key=` is asked with the prepared request.
        options: of `HTTPAdapter`. Its `max_retries` would multiply with those of the policy.

    Raises:
        ConfigurationError: the policy hedges or has a fallback.
    """

    def __init__(self, policy: Policy[Any] | GuardedConnection, **options: Any) -> None:
        super().__init__(**options)
        self._client = GuardedClient(policy)
        beneath: Any = self.max_retries
        if beneath.total:
            self._client.tell_of_retries(
                f"max_retries={beneath.total} of the adapter", "Leave out `max_retries`"
            )

    def send(self, request: Any, *args: Any, **options: Any) -> requests.Response:
        """Send a request; called by the session."""
        names = ("stream", "timeout", "verify", "cert", "proxies")
        options.update(zip(names, args, strict=False))
        timeout = options.pop("timeout", None)
        start = _start_of(request)

        def send() -> requests.Response:
            if start is not None:
                request.body.seek(start)
            response = super(GuardedAdapter, self).send(request, timeout=_left(timeout), **options)
            if not options.get("stream"):
                _ = response.content
            return response

        body: object = request.body
        plain = body is None or isinstance(body, str | bytes)
        call = self._client.call(
            GuardedRequest(
                native=request,
                method=request.method,
                host=urlsplit(str(request.url)).hostname or "",
                headers=request.headers,
                replayable=plain or start is not None,
                content=lambda: (request.url, body if plain else b""),
            ),
            _KIND,
        )
        return cast("requests.Response", call.finish_blocking(send, _close))


def _close(response: requests.Response) -> None:
    response.close()


def _start_of(request: Any) -> int | None:
    """Where the file that is the body starts; None where there is none that can be read twice."""
    body = request.body
    if body is None or isinstance(body, str | bytes) or not hasattr(body, "seek"):
        return None
    position: object = getattr(request, "_body_position", None)
    return position if isinstance(position, int) else None


def _left(timeout: Any) -> Any:
    """An attempt's time-outs: the session's, or what is left of the policy's if that is less."""
    if isinstance(timeout, tuple):
        each = cast("tuple[float | None, ...]", timeout)
        return tuple(remaining() if one is None else remaining(one) for one in each)
    if timeout is None:
        return remaining()
    return remaining(timeout) if isinstance(timeout, int | float) else timeout
