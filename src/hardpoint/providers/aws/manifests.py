"""The manifests of the services beside storage."""

from collections.abc import Mapping
from typing import Final

from hardpoint.core.providers import Provider

SERVICES: Final[Mapping[str, Provider]] = {
    "lambda": Provider(
        name="aws.lambda",
        title="AWS Lambda",
        docs="https://docs.aws.amazon.com/lambda/latest/api/API_Invoke.html",
        verified="2026-12-01",
        settings="hardpoint.providers.aws.resources:Lambda",
        ports={"function": "hardpoint.providers.aws.functions:LambdaFunction"},
        errors="hardpoint.providers.aws.errors:LAMBDA_ERRORS",
        fake="hardpoint.providers.aws.fake_lambda:FakeLambda",
    ),
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
