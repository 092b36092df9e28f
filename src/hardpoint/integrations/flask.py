"""Protecting the views of a Flask application.

    @app.get("/orders")
    @requires(hub.api_keys, "orders:read")
    def orders():
        caller = g.principal

`hub` is a `hardpoint.sync.Hub`.
"""

from collections.abc import Callable
from functools import wraps
from typing import Any, ParamSpec

from flask import Response, g, jsonify, request
from werkzeug.exceptions import RequestEntityTooLarge
from werkzeug.wsgi import get_input_stream

from hardpoint.api_keys.reading import (
    REFUSALS,
    SIGNED_BODY_BYTES_MAX,
    BodyTooLargeError,
    CallerRequest,
    answer_to,
    target_of,
)
from hardpoint.sync import ApiKeys

__all__ = ["requires"]

_Parameters = ParamSpec("_Parameters")


def requires(
    keys: ApiKeys, *scopes: str, tenant_in: str | None = None
) -> Callable[[Callable[_Parameters, Any]], Callable[_Parameters, Any]]:
    """A decorator that puts the `Principal` who calls in `g.principal`, or answers 401 or the like.

    Args:
        keys: `hub.api_keys` of a `hardpoint.sync.Hub`.
        scopes: what the caller has to be allowed.
        tenant_in: the argument of the view that says whose the route is; another tenant's caller is
            refused as one with a forged key is.
    """

    def protect(view: Callable[_Parameters, Any]) -> Callable[_Parameters, Any]:
        @wraps(view)
        def protected(*args: _Parameters.args, **kwargs: _Parameters.kwargs) -> Any:
            tenant = None if tenant_in is None else str(kwargs[tenant_in])
            try:
                g.principal = keys.authenticate(_shown(keys), scopes=scopes, tenant=tenant)
            except REFUSALS as error:
                answer = answer_to(error)
                refusal: Response = jsonify(error=answer.error)
                refusal.status_code = answer.status
                refusal.headers.update(answer.headers)
                return refusal
            return view(*args, **kwargs)

        return protected

    return protect


def _shown(keys: ApiKeys) -> CallerRequest:
    headers = list(request.headers.items())
    body = _body() if keys.reads_body(headers) else b""
    target = target_of(request.environ, request.full_path.removesuffix("?"))
    return CallerRequest(request.method, target, headers, body)


def _body() -> bytes:
    """What is signed, which the view still finds; no more of it is read than is taken."""
    most = SIGNED_BODY_BYTES_MAX + 1
    try:
        bounded = get_input_stream(request.environ, max_content_length=most)
        request.environ["wsgi.input"] = bounded
        body = request.get_data()
    except RequestEntityTooLarge:
        raise BodyTooLargeError from None
    if len(body) == most:
        raise BodyTooLargeError
    return body
