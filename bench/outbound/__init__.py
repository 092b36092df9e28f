"""What a call through a port costs, beside bare `httpx2` and beside the vendors' own packages.

    python -m bench.outbound              # about two minutes
    python -m bench.outbound --quick      # a look, some thirty seconds
    python -m bench.outbound --at-once 1 16 64    # with so many calls under way as well

Every client talks to the same server on loopback, which runs in another process and answers what
the vendor answers. What counts is CPU time of the client's process.
"""
