"""Blobs on Azurite, held to what every driver of storage must do, in both modes."""

import pytest

from hardpoint.providers.azure.storage import AzureStorage
from hardpoint.testing.conformance.storage import _KEYS as NAMES
from hardpoint.testing.conformance.storage import StorageConformance, StorageSubject

PAGE = 4


class CountedTransport:
    """A transport that counts what goes through it."""

    def __init__(self, transport):
        self._transport = transport
        self.count = 0

    async def send(self, request):
        self.count += 1
        return await self._transport.send(request)

    def stream(self, request, **options):
        self.count += 1
        return self._transport.stream(request, **options)


class TestAzure(StorageConformance):
    @pytest.fixture
    def subject(self, mode, settings, tmp_path):
        transport = CountedTransport(mode.transport())
        driver = AzureStorage(transport, settings(), page=PAGE)
        return StorageSubject(
            mode,
            driver,
            requests=lambda: transport.count,
            folder=tmp_path,
            unfinished=lambda: 0,  # there is no handle of which anything could be left
            page=PAGE,
        )

    # The vendor would change these: our driver refuses them before any request.
    @pytest.mark.parametrize(
        "key", [key for key in NAMES if "\\" not in key and not key.endswith(".")]
    )
    def test_a_key_is_taken_as_it_is(self, subject, key):
        super().test_a_key_is_taken_as_it_is(subject, key)
