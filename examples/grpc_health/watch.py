"""Asks a gRPC service how it is, then tells whenever that changes.

python watch.py

`health_pb2_grpc.HealthStub` stands for your own generated stub: it is used as ever.
"""

import grpc
from grpc_health.v1 import health_pb2, health_pb2_grpc

from hardpoint.sync import Hub

State = health_pb2.HealthCheckResponse.ServingStatus

if __name__ == "__main__":
    with Hub.load("hardpoint.toml") as hub:
        stub = health_pb2_grpc.HealthStub(hub.grpc("crm").channel)
        asked = health_pb2.HealthCheckRequest()
        print("now", State.Name(stub.Check(asked, timeout=5).status))
        try:
            for change in stub.Watch(asked, timeout=60):
                print("then", State.Name(change.status), flush=True)
        except grpc.RpcError as error:  # a stream that has begun is not repeated
            print("over:", error.code().name)
