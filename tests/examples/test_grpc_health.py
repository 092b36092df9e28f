"""The example, beside a real server that refuses the first two calls."""

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import grpc
from grpc_health.v1 import health_pb2, health_pb2_grpc

EXAMPLE = Path(__file__).parents[2] / "examples" / "grpc_health"
SERVING = health_pb2.HealthCheckResponse.SERVING


class Hesitant(health_pb2_grpc.HealthServicer):
    """Away for its first two calls; what is watched changes once, then the server ends."""

    asked = 0

    def Check(self, request, context):
        self.asked += 1
        if self.asked <= 2:
            context.abort(grpc.StatusCode.UNAVAILABLE, "starting")
        return health_pb2.HealthCheckResponse(status=SERVING)

    def Watch(self, request, context):
        yield health_pb2.HealthCheckResponse(status=SERVING)
        context.abort(grpc.StatusCode.UNAVAILABLE, "going")


def test_the_service_is_asked_until_it_is_there_and_a_stream_is_not_repeated(tmp_path):
    server = grpc.server(ThreadPoolExecutor(4))
    hesitant = Hesitant()
    health_pb2_grpc.add_HealthServicer_to_server(hesitant, server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    try:
        settings = (EXAMPLE / "hardpoint.toml").read_text().replace("50051", str(port))
        (tmp_path / "hardpoint.toml").write_text(settings)
        ended = subprocess.run(
            [sys.executable, EXAMPLE / "watch.py"],
            cwd=tmp_path,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
    finally:
        server.stop(0).wait(10)
    assert ended.stdout.split("\n") == ["now SERVING", "then SERVING", "over: UNAVAILABLE", ""]
    assert hesitant.asked == 3
