"""Receiving webhooks in a Django project, and protecting its views.

    urlpatterns = [path("webhooks/<path:source>", webhooks(hub))]

`hardpoint work` runs beside the workers, and runs the handlers.

    @requires(hub.api_keys, "orders:read")
    def orders(request):
        caller = request.principal
"""

from collections.abc import Callable
from functools import wraps
from inspect import iscoroutinefunction
from io import BytesIO
from typing import TYPE_CHECKING, Any

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.csrf import (
    csrf_exempt,  # pyright: ignore[reportUnknownVariableType]
)

from hardpoint.api_keys import ApiKeys as AsyncApiKeys
from hardpoint.api_keys.reading import (
    REFUSALS,
    SIGNED_BODY_BYTES_MAX,
    BodyTooLargeError,
    CallerRequest,
    answer_to,
    target_of,
)
from hardpoint.core.errors import MisuseError
from hardpoint.sync import ApiKeys

if TYPE_CHECKING:
    from hardpoint.hub.hub import Hub
    from hardpoint.sync.hub import Hub as BlockingHub

__all__ = ["requires", "webhooks"]


def webhooks(hub: "Hub | BlockingHub") -> Callable[..., HttpResponse]:
    """A view that receives a source's webhooks; its route has to name the `source`.

    It is exempt from the protection against forged forms: a vendor signs what it sends. The body is
    read as it came, whatever `DATA_UPLOAD_MAX_MEMORY_SIZE` says; each source has a cap of its own.

    Args:
        hub: with the source in its configuration; it needs no handlers here.
    """
    inbox = hub.wsgi()

    @csrf_exempt
    def receive(request: HttpRequest, source: str) -> HttpResponse:
        environ: dict[str, Any] = {
            **request.META,  # pyright: ignore[reportUnknownMemberType]
            "SCRIPT_NAME": "",
            "PATH_INFO": f"/webhooks/{source}".encode().decode("latin-1"),
            "wsgi.input": request,
        }
        answer = inbox.answer(environ)
        response = HttpResponse(answer.body, status=answer.status)
        del response.headers["Content-Type"]  # what is said is said below
        for name, value in answer.headers:
            response.headers[name.decode("latin-1")] = value.decode("latin-1")
        return response

    return receive


def requires(
    keys: ApiKeys | AsyncApiKeys, *scopes: str, tenant_in: str | None = None
) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """A decorator that puts the `Principal` who calls in `request.principal`, or answers 401, say.

    The view is exempt from the protection against forged forms: a browser sends no key by itself.

    Args:
        keys: `hub.api_keys` of a `hardpoint.sync.Hub`; for `async def` views of a `hardpoint.Hub`.
        scopes: what the caller has to be allowed.
        tenant_in: the argument of the view that says whose the route is; another tenant's caller is
            refused as one with a forged key is.

    Raises:
        MisuseError: the hub is of the other kind than the view.
    """

    def protect(view: Callable[..., Any]) -> Callable[..., Any]:
        if iscoroutinefunction(view):
            if isinstance(keys, ApiKeys):
                raise MisuseError("An async view takes the api_keys of a hardpoint.Hub")
            asynchronous = keys

            @csrf_exempt
            @wraps(view)
            async def awaited(request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
                tenant = None if tenant_in is None else str(kwargs[tenant_in])
                try:
                    caller = await asynchronous.authenticate(
                        _shown(keys, request), scopes=scopes, tenant=tenant
                    )
                except REFUSALS as error:
                    return _refusal(error)
                request.principal = caller  # pyright: ignore[reportAttributeAccessIssue]
                return await view(request, *args, **kwargs)

            return awaited
        if not isinstance(keys, ApiKeys):
            raise MisuseError("A plain view takes the api_keys of a hardpoint.sync.Hub")
        blocking = keys

        @csrf_exempt
        @wraps(view)
        def protected(request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
            tenant = None if tenant_in is None else str(kwargs[tenant_in])
            try:
                caller = blocking.authenticate(_shown(keys, request), scopes=scopes, tenant=tenant)
            except REFUSALS as error:
                return _refusal(error)
            request.principal = caller  # pyright: ignore[reportAttributeAccessIssue]
            return view(request, *args, **kwargs)

        return protected

    return protect


def _shown(keys: ApiKeys | AsyncApiKeys, request: HttpRequest) -> CallerRequest:
    whole: Any = request
    headers: list[tuple[str, str]] = list(whole.headers.items())
    body = _body(whole) if keys.reads_body(headers) else b""
    meta: dict[str, Any] = request.META  # pyright: ignore[reportUnknownMemberType]
    target = target_of(meta, request.get_full_path())
    return CallerRequest(request.method or "", target, headers, body)


def _body(whole: Any) -> bytes:
    """What is signed, which the view still finds; no more of it is read than is taken."""
    if not hasattr(whole, "_body"):
        body: bytes = whole.read(SIGNED_BODY_BYTES_MAX + 1)
        if len(body) > SIGNED_BODY_BYTES_MAX:
            raise BodyTooLargeError
        whole._body, whole._stream = body, BytesIO(body)
    return whole._body


def _refusal(error: Any) -> JsonResponse:
    answer = answer_to(error)
    return JsonResponse({"error": answer.error}, status=answer.status, headers=answer.headers)
