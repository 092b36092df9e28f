"""The same shop in Django: its views receive, `hardpoint work board:hub` handles, by a model."""

import os
from urllib.parse import parse_qsl, urlsplit

from django.conf import settings
from django.core.wsgi import get_wsgi_application
from django.db import connection, models, transaction
from django.urls import path
from shop import hub

from hardpoint.integrations.django import webhooks

_parts = urlsplit(os.environ["SHOP_DATABASE"])
settings.configure(
    ROOT_URLCONF=__name__,
    ALLOWED_HOSTS=["*"],
    SECRET_KEY="of-a-test",
    DATABASES={
        "default": {
            "ENGINE": "django.db.backends.postgresql",
            "NAME": _parts.path[1:],
            "USER": _parts.username or "",
            "PASSWORD": _parts.password or "",
            "HOST": dict(parse_qsl(_parts.query)).get("host", _parts.hostname or ""),
            "PORT": _parts.port or "",
        }
    },
)
application = get_wsgi_application()


class Marked(models.Model):
    """A row of the table that the other handlers write to by themselves."""

    number = models.IntegerField(primary_key=True)
    kind = models.TextField()

    class Meta:
        app_label = "board"
        managed = False
        db_table = "marked"

    def __str__(self) -> str:
        return f"{self.number}: {self.kind}"


@hub.on("shop", "saved")
def mark_saved(event, job):
    with job.complete_in(connection), transaction.atomic():
        Marked.objects.create(number=event.json()["number"], kind="saved")


urlpatterns = [path("hooks/webhooks/<path:source>", webhooks(hub))]
