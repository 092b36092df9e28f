"""The fault matrix of every port, for any API: what each fault makes of a call."""

import pytest

import hardpoint.sync
from hardpoint.clients import RestClient, RestDriver, RestSettings
from hardpoint.clients.rest.fake import FakeRest
from hardpoint.core.errors import NotFoundError
from hardpoint.testing.conformance.faults import ROWS, Adapter, FaultConformance

ROWS_HERE = [row for row in ROWS if "malformed" not in row.name]
"""A good status with a body that does not fit is an answer here, see `test_calls`."""


def vendor():
    made = FakeRest()
    made.name = "127.0.0.1"  # what errors call an API: its host
    made.on("GET /deals/7", {"id": 7})
    made.on("GET /deals/8", {}, status=404)
    made.on("POST /deals", {"id": 8})
    return made


def adapter(calls, **options):
    return Adapter(
        vendor=vendor,
        port=lambda transport, url, connection: RestClient(
            RestDriver(transport, RestSettings(base_url=url, auth="none", **options)), connection
        ),
        facade=hardpoint.sync.RestClient,
        calls=calls,
        effects="call",
        refused=(lambda crm: crm.get("/deals/8"), NotFoundError),
    )


class Matrix(FaultConformance):
    @pytest.mark.parametrize("row", ROWS_HERE, ids=[row.name for row in ROWS_HERE])
    @pytest.mark.parametrize("kind", ["read", "keyed", "unkeyed"])
    def test_every_fault_ends_as_the_table_says(self, kind, row, mode):
        super().test_every_fault_ends_as_the_table_says(kind, row, mode)


class TestWithoutKeys(Matrix):
    adapter = adapter(
        {
            "read": lambda crm: crm.get("/deals/{id}", id=7, into=dict),
            "unkeyed": lambda crm: crm.post("/deals", json={}, into=dict),
        }
    )


class TestWithKeys(Matrix):
    adapter = adapter(
        {"keyed": lambda crm: crm.post("/deals", json={}, into=dict)},
        idempotency_header="Idempotency-Key",
    )
