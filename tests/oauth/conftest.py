from datetime import date

import pytest

from hardpoint.core.secrets import Secret
from hardpoint.http.messages import Response
from hardpoint.oauth.catalogue import Entry
from hardpoint.oauth.client import Client
from hardpoint.oauth.endpoint import TokenEndpoint
from hardpoint.testing.clock import ManualClock


def _entry(**facts):
    return Entry(
        **{
            "name": "acme",
            "authorize_url": "https://acme.example/oauth/authorize",
            "token_url": "https://acme.example/oauth/token",
            "api_hosts": frozenset({"api.acme.example"}),
            "verified_on": date(2026, 11, 28),
            "sources": ("https://acme.example/docs",),
            **facts,
        }
    )


@pytest.fixture
def entry():
    return _entry


class Scripted:
    """A transport that answers, or raises, what it was given, and keeps the requests."""

    def __init__(self):
        self.replies = []
        self.sent = []

    async def send(self, request):
        self.sent.append(request)
        reply = self.replies.pop(0)
        if isinstance(reply, Exception):
            raise reply
        status, content_type, body = reply
        return Response(status=status, headers={"content-type": content_type}, body=body)


@pytest.fixture
def clock():
    return ManualClock()


@pytest.fixture
def transport():
    return Scripted()


@pytest.fixture
def endpoint(transport, clock):
    def build(*, secret="canary-client-secret", redirect_uri="https://us.example/back", **facts):
        client = Client(
            entry=_entry(**facts),
            client_id="us",
            client_secret=None if secret is None else Secret.value(secret),
            redirect_uri=redirect_uri,
        )
        return TokenEndpoint(transport, client, clock)

    return build
