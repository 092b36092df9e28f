"""Any gRPC service by configuration alone: `provider = "grpc"`, and `hub.grpc("crm")`."""

from hardpoint.core.providers import Provider

PROVIDER = Provider(
    name="grpc",
    title="Any gRPC service",
    settings="hardpoint.clients.grpc.settings:GrpcSettings",
    ports={"grpc": "hardpoint.clients.grpc.driver:GrpcDriver"},
    effects={
        "grpc": (
            "hardpoint.clients.grpc.asynchronous:AsyncChannels",
            "hardpoint.clients.grpc.blocking:BlockingChannels",
        )
    },
)
