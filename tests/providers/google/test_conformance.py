"""Cloud Storage on its fake, held to what every driver of storage must do; and its faults."""

import pytest

from hardpoint.fakes.server import FakeServer
from hardpoint.providers.google.fake import FakeStorage
from hardpoint.providers.google.storage import GoogleStorage
from hardpoint.testing.conformance.served import settings_of
from hardpoint.testing.conformance.storage import StorageConformance, StorageSubject

PAGE = 4


class TestGoogle(StorageConformance):
    @pytest.fixture
    def subject(self, mode, tmp_path):
        vendor = FakeStorage()
        with FakeServer(vendor) as server:
            settings = settings_of(vendor, endpoint_url=server.url)
            yield StorageSubject(
                mode,
                GoogleStorage(mode.transport(), settings, page=PAGE),
                requests=lambda: server.requests,
                folder=tmp_path,
                unfinished=lambda: len(vendor.bucket.uploads),
                page=PAGE,
            )
