"""S3 in the fault matrix: what it does sets a state, so every call may be repeated."""

from hardpoint.core.errors import NotFoundError
from hardpoint.providers.aws import fake
from hardpoint.providers.aws.fake_bucket import HeldObject
from hardpoint.storage import ObjectStore
from hardpoint.sync.storage import ObjectStore as BlockingStore
from hardpoint.testing.conformance.faults import Adapter, FaultConformance
from hardpoint.testing.conformance.served import port_on


def with_an_object():
    vendor = fake.FakeS3()
    vendor.bucket.store("a", HeldObject(data=b"hello", content_type="text/plain", metadata={}), {})
    return vendor


class TestS3(FaultConformance):
    adapter = Adapter(
        vendor=with_an_object,
        port=port_on(fake.FakeS3, ObjectStore),
        facade=BlockingStore,
        calls={
            "read": lambda port: port.get("a"),
            "keyed": lambda port: port.copy("a", "b"),
        },
        effects="object",
        refused=(lambda port: port.head("missing"), NotFoundError),
    )
