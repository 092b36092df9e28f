"""Protecting the routes of a FastAPI application.

    may_read = requires(hub.api_keys, "orders:read")

    @app.get("/orders")
    async def orders(caller: Annotated[Principal, Depends(may_read)]): ...

The route shows up as protected in the OpenAPI document.
"""

from fastapi import HTTPException, Request
from fastapi.openapi.models import HTTPBearer as HTTPBearerModel
from fastapi.security.base import SecurityBase

from hardpoint.api_keys import ApiKeys, Principal
from hardpoint.api_keys.reading import (
    REFUSALS,
    SIGNED_BODY_BYTES_MAX,
    BodyTooLargeError,
    CallerRequest,
    answer_to,
)

__all__ = ["requires"]


def requires(keys: ApiKeys, *scopes: str, tenant_in: str | None = None) -> "_Requirement":
    """A dependency that gives the `Principal` who calls, or answers 401, 403, 429 or 503.

    Args:
        keys: `hub.api_keys`.
        scopes: what the caller has to be allowed.
        tenant_in: the path parameter that says whose the route is; another tenant's caller is
            refused as one with a forged key is.
    """
    return _Requirement(keys, scopes, tenant_in)


class _Requirement(SecurityBase):
    def __init__(self, keys: ApiKeys, scopes: tuple[str, ...], tenant_in: str | None) -> None:
        self.model = HTTPBearerModel(description="An API key, or a token")
        self.scheme_name = "ApiKey"
        self._keys = keys
        self._scopes = scopes
        self._tenant_in = tenant_in

    async def __call__(self, request: Request) -> Principal:
        tenant = None if self._tenant_in is None else request.path_params[self._tenant_in]
        try:
            return await self._keys.authenticate(
                await self._shown(request), scopes=self._scopes, tenant=tenant
            )
        except REFUSALS as error:
            answer = answer_to(error)
            raise HTTPException(answer.status, answer.error, answer.headers) from None

    async def _shown(self, request: Request) -> CallerRequest:
        headers = request.headers.items()
        body = await _body(request) if self._keys.reads_body(headers) else b""
        path: bytes = request.scope.get("raw_path") or request.scope["path"].encode()
        query: bytes = request.scope["query_string"]
        target = path + b"?" + query if query else path
        return CallerRequest(request.method, target.decode("latin-1"), headers, body)


async def _body(request: Request) -> bytes:
    """What is signed, which the route still finds; no more of it is read than is taken.

    Where the route itself takes a body, FastAPI has read it before it asks us.
    """
    body = bytearray()
    async for part in request.stream():
        body += part
        if len(body) > SIGNED_BODY_BYTES_MAX:
            raise BodyTooLargeError
    request._body = bytes(body)
    return request._body
