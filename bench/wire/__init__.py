"""What one exchange of HTTP costs over our transport, beside clients that people use.

    python -m bench.wire              # some four minutes; a quiet machine
    python -m bench.wire --quick      # a look, under a minute

Every client posts the same bytes to the same server on loopback, which runs in another process.
What counts is CPU time of the client's process, all its threads, in turns within one run; the floor
is the bare parser on a bare protocol, which checks nothing, bounds nothing and keeps no pool.
"""
