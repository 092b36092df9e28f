"""The measurement of gRPC calls measures what it says."""

import asyncio
from concurrent.futures import ThreadPoolExecutor

import grpc
from bench.grpc.__main__ import measure
from tests.clients.grpc.conftest import Deals


def test_each_row_makes_as_many_calls():
    server, deals = grpc.server(ThreadPoolExecutor(2)), Deals()
    server.add_generic_rpc_handlers([deals])
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    try:
        best = asyncio.run(measure(f"127.0.0.1:{port}", calls=3, rounds=2))
    finally:
        server.stop(0).wait(10)
    assert len(deals.seen) == 3 * 3 * 2
    assert all(seconds > 0 for seconds in best.values())
