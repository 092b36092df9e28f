"""The manifests of the services beside storage."""

from collections.abc import Mapping
from typing import Final

from hardpoint.core.providers import Provider

SERVICES: Final[Mapping[str, Provider]] = {
    "sqs": Provider(
        name="aws.sqs",
        title="Amazon SQS",
        docs="https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/Welcome.html",
        verified="2026-12-01",
        settings="hardpoint.providers.aws.resources:Sqs",
        ports={"queue": "hardpoint.providers.aws.sqs:SqsQueue"},
        errors="hardpoint.providers.aws.errors:SQS_ERRORS",
        fake="hardpoint.providers.aws.fake_sqs:FakeSqs",
    ),
}
