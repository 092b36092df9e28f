"""Receiving webhooks in a Django project.

    urlpatterns = [path("webhooks/<path:source>", webhooks(hub))]

`hardpoint work` runs beside the workers, and runs the handlers.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from django.http import HttpRequest, HttpResponse
from django.views.decorators.csrf import (
    csrf_exempt,  # pyright: ignore[reportUnknownVariableType]
)

if TYPE_CHECKING:
    from hardpoint.hub.hub import Hub
    from hardpoint.sync.hub import Hub as BlockingHub

__all__ = ["webhooks"]


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
