"""What it costs `hardpoint serve` to accept an event and to hand it on to a service.

    python -m bench.forward           # about a minute; Linux only
    python -m bench.forward --quick   # a look

Every event is verified, durably stored, answered, then posted to an endpoint in another process,
signed anew, and marked as done. The row without forwarding is measured in turns with it, so that
their difference is the price of handing on.
"""
