"""A bucket on the fake, and the vendor's own library beside ours."""

import json
import warnings

import pytest
from google.oauth2 import service_account

from hardpoint.calls.connection import Connection
from hardpoint.fakes.server import FakeServer
from hardpoint.http.blocking import BlockingTransport
from hardpoint.providers.google.fake import BUCKET, FakeStorage
from hardpoint.providers.google.storage import GoogleStorage
from hardpoint.runtime.blocking import BlockingRuntime
from hardpoint.storage.api import ObjectStore
from hardpoint.sync.storage import ObjectStore as BlockingStore
from hardpoint.testing.conformance.served import settings_of

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # it would like gRPC, which nobody needs here
    from google.cloud import storage


@pytest.fixture
def vendor():
    return FakeStorage()


@pytest.fixture
def server(vendor):
    with FakeServer(vendor) as server:
        yield server


@pytest.fixture
def driver(vendor, server):
    with BlockingTransport() as transport:
        yield GoogleStorage(transport, settings_of(vendor, endpoint_url=server.url))


@pytest.fixture
def store(driver):
    return BlockingStore(ObjectStore(driver, Connection("files", BlockingRuntime())))


@pytest.fixture
def account(vendor, server):
    """The vendor's own credentials for the fake's account."""
    document = json.loads(vendor.account.document) | {"token_uri": f"{server.url}/token"}
    return service_account.Credentials.from_service_account_info(
        document, scopes=["https://www.googleapis.com/auth/cloud-platform"]
    )


@pytest.fixture
def official(account, server):
    """The vendor's own client, for the bucket."""
    client = storage.Client(
        project="fake-project", credentials=account, client_options={"api_endpoint": server.url}
    )
    yield client.bucket(BUCKET)
    client.close()
