"""A provider that rotates strictly, and a grant whose tokens are near or past their end."""

import http.client
import time
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from urllib.parse import urlsplit

from hardpoint.core.secrets import Secret
from hardpoint.fakes.authorization import FakeAuthorization
from hardpoint.fakes.server import FakeServer
from hardpoint.oauth.catalogue import Client, ProviderEntry, RefreshRotation

CLIENT = "client"
SECRET = "client-secret"


@dataclass
class World:
    """What one case plays in."""

    server: FakeAuthorization
    http: FakeServer
    document: dict[str, object]

    @property
    def token_url(self):
        return f"{self.http.url}/token"

    @property
    def resource_url(self):
        return f"{self.http.url}/resource"

    def client(self):
        entry = ProviderEntry(
            name="acme",
            authorize_url=f"{self.http.url}/authorize",
            token_url=self.token_url,
            api_hosts=frozenset(),
            rotation=RefreshRotation.STRICT,
            verified_on=date(2026, 11, 28),
            sources=(),
        )
        return Client(entry=entry, client_id=CLIENT, client_secret=Secret.value(SECRET))

    def token(self, *, ends_in=-10.0):
        """The grant's tokens, with so many seconds to live."""
        return {**self.document, "expires_at": int(time.time() + ends_in)}

    def works(self, access):
        """Whether the provider takes an access token."""
        connection = http.client.HTTPConnection(urlsplit(self.http.url).netloc)
        try:
            headers = {"authorization": f"Bearer {access}"}
            connection.request("GET", "/resource", headers=headers)
            return connection.getresponse().status == 200
        finally:
            connection.close()


@contextmanager
def world(life=3600.0):
    """A new one."""
    server = FakeAuthorization(rotation="strict", life=life)
    with FakeServer(server) as running:
        yield World(server, running, server.grant())
