"""A unary call through `hub.grpc`, beside the same stub on a bare `grpc.aio` channel.

    python -m bench.grpc [--check]

CPU of the client alone: the server is a process of its own. The rows take turns, and the best of
several rounds counts. The target is 1.15 times the bare call; an interceptor that does nothing has
been measured at 1.12 times, and ours at 1.33, on 2026-12-01. `--check` exits with 1 above it.
"""

import asyncio
import subprocess
import sys
import time

import grpc
from grpc import aio

from hardpoint import ConnectionSettings, Hub, Settings

CALLS, ROUNDS = 300, 7
TARGET = 1.15
SERVER = """
import grpc, sys
from concurrent.futures import ThreadPoolExecutor

class Echo(grpc.GenericRpcHandler):
    def service(self, details):
        return grpc.unary_unary_rpc_method_handler(lambda request, context: request)

server = grpc.server(ThreadPoolExecutor(2))
server.add_generic_rpc_handlers([Echo()])
print(server.add_insecure_port("127.0.0.1:0"), flush=True)
server.start()
sys.stdin.read()
"""


class Idle(aio.UnaryUnaryClientInterceptor):
    """Does nothing: what the library itself asks for an interceptor."""

    async def intercept_unary_unary(self, continuation, client_call_details, request):
        return await continuation(client_call_details, request)


async def spent(stub, calls):
    """CPU seconds of one call, on average."""
    began = time.process_time()
    for _ in range(calls):
        await stub(b"x" * 200, timeout=5)
    return (time.process_time() - began) / calls


async def measure(target, calls=CALLS, rounds=ROUNDS):
    connection = ConnectionSettings(
        name="crm",
        provider="grpc",
        options={"target": target, "tls": False, "methods": {"crm.Deals/*": "safe"}},
    )
    hub = Hub(Settings(connections={"crm": connection}))
    options = [("grpc.enable_retries", 0)]
    idle = [Idle()]
    async with (
        aio.insecure_channel(target, options) as channel,
        aio.insecure_channel(target, options, interceptors=idle) as intercepted,
    ):
        stubs = {
            "bare grpc.aio": channel.unary_unary("/crm.Deals/Get"),
            "idle interceptor": intercepted.unary_unary("/crm.Deals/Get"),
            "hub.grpc": hub.grpc("crm").channel.unary_unary("/crm.Deals/Get"),
        }
        best = dict.fromkeys(stubs, float("inf"))
        for _ in range(rounds):
            for name, stub in stubs.items():
                best[name] = min(best[name], await spent(stub, calls))
    await hub.close()
    return best


def main():
    with subprocess.Popen(
        [sys.executable, "-c", SERVER], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as server:
        try:
            best = asyncio.run(measure(f"127.0.0.1:{server.stdout.readline().strip()}"))
        finally:
            server.stdin.close()
    bare, _, ours = best.values()
    print(f"grpcio {grpc.__version__}")
    for name, seconds in best.items():
        print(f"{name:16} {seconds * 1e6:8.1f} us  {seconds / bare:5.2f} x")
    return 1 if "--check" in sys.argv and ours > TARGET * bare else 0


if __name__ == "__main__":
    sys.exit(main())
