"""S3 in the fault matrix: what it does sets a state, so every call may be repeated."""

from hardpoint.core.errors import NotFoundError
from hardpoint.core.secrets import Secret
from hardpoint.providers.aws import S3, fake
from hardpoint.providers.aws.fake_bucket import HeldObject
from hardpoint.providers.aws.storage import S3Storage
from hardpoint.storage import ObjectStore
from hardpoint.sync.storage import ObjectStore as BlockingStore
from hardpoint.testing.conformance.faults import Adapter, FaultConformance


def with_an_object():
    vendor = fake.FakeS3()
    vendor.bucket.store("a", HeldObject(data=b"hello", content_type="text/plain", metadata={}), {})
    return vendor


def port(transport, url, connection):
    settings = S3(
        bucket=fake.BUCKET,
        region=fake.REGION,
        access_key_id=fake.ACCESS_KEY_ID,
        secret_access_key=Secret.value(fake.SECRET_ACCESS_KEY),
        endpoint_url=url,
    )
    return ObjectStore(S3Storage(transport, settings), connection)


class TestS3(FaultConformance):
    adapter = Adapter(
        vendor=with_an_object,
        port=port,
        facade=BlockingStore,
        calls={
            "read": lambda port: port.get("a"),
            "keyed": lambda port: port.copy("a", "b"),
        },
        effects="object",
        refused=(lambda port: port.head("missing"), NotFoundError),
    )
