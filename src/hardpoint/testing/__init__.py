"""What tests of applications use; each is imported when it is first used.

Much of it comes as fixtures too, see `plugin`.
"""

from typing import TYPE_CHECKING

from hardpoint.core.public import lazily

if TYPE_CHECKING:
    from hardpoint.clients.graphql.fake import FakeGraphQL as FakeGraphQL
    from hardpoint.clients.graphql.fed import FakeSubscription as FakeSubscription
    from hardpoint.clients.rest.fake import FakeRest as FakeRest
    from hardpoint.clients.websocket.fake import FakeWebSocket as FakeWebSocket
    from hardpoint.fakes.authorization import FakeAuthorization as FakeAuthorization
    from hardpoint.fakes.emitter import Chaos as Chaos
    from hardpoint.fakes.emitter import Delivered as Delivered
    from hardpoint.fakes.events import FakeEvents as FakeEvents
    from hardpoint.fakes.faults import Break as Break
    from hardpoint.fakes.faults import Fault as Fault
    from hardpoint.fakes.faults import Faults as Faults
    from hardpoint.fakes.faults import bad_json as bad_json
    from hardpoint.fakes.faults import commit_then_drop as commit_then_drop
    from hardpoint.fakes.faults import hang as hang
    from hardpoint.fakes.faults import html_500 as html_500
    from hardpoint.fakes.faults import latency as latency
    from hardpoint.fakes.faults import rate_limit as rate_limit
    from hardpoint.fakes.faults import reset as reset
    from hardpoint.fakes.faults import status as status
    from hardpoint.fakes.faults import truncate as truncate
    from hardpoint.fakes.issuer import FakeIssuer as FakeIssuer
    from hardpoint.fakes.ledger import Ledger as Ledger
    from hardpoint.fakes.ledger import LedgerEntry as LedgerEntry
    from hardpoint.fakes.messages import Exchange as Exchange
    from hardpoint.fakes.server import FakeServer as FakeServer
    from hardpoint.fakes.sockets import FakeSocket as FakeSocket
    from hardpoint.testing.application import HubUnderTest as HubUnderTest
    from hardpoint.testing.assertions import assert_call_budget as assert_call_budget
    from hardpoint.testing.assertions import assert_exactly_once as assert_exactly_once
    from hardpoint.testing.assertions import assert_no_secret_in as assert_no_secret_in
    from hardpoint.testing.clock import ManualClock as ManualClock
    from hardpoint.testing.fakes import Fakes as Fakes
    from hardpoint.testing.loop import VirtualLoop as VirtualLoop
    from hardpoint.testing.network import Network as Network
    from hardpoint.testing.network import NetworkRefusedError as NetworkRefusedError
    from hardpoint.testing.network import loopback_only as loopback_only
    from hardpoint.testing.time import manual_time as manual_time
    from hardpoint.testing.time import no_delays as no_delays
else:
    __getattr__, __dir__, __all__ = lazily(
        __name__,
        {
            "hardpoint.clients.graphql.fake": ("FakeGraphQL",),
            "hardpoint.clients.graphql.fed": ("FakeSubscription",),
            "hardpoint.clients.rest.fake": ("FakeRest",),
            "hardpoint.clients.websocket.fake": ("FakeWebSocket",),
            "hardpoint.fakes.authorization": ("FakeAuthorization",),
            "hardpoint.fakes.emitter": ("Chaos", "Delivered"),
            "hardpoint.fakes.events": ("FakeEvents",),
            "hardpoint.fakes.faults": (
                "Break",
                "Fault",
                "Faults",
                "bad_json",
                "commit_then_drop",
                "hang",
                "html_500",
                "latency",
                "rate_limit",
                "reset",
                "status",
                "truncate",
            ),
            "hardpoint.fakes.issuer": ("FakeIssuer",),
            "hardpoint.fakes.ledger": ("Ledger", "LedgerEntry"),
            "hardpoint.fakes.messages": ("Exchange",),
            "hardpoint.fakes.server": ("FakeServer",),
            "hardpoint.fakes.sockets": ("FakeSocket",),
            "hardpoint.testing.application": ("HubUnderTest",),
            "hardpoint.testing.assertions": (
                "assert_call_budget",
                "assert_exactly_once",
                "assert_no_secret_in",
            ),
            "hardpoint.testing.clock": ("ManualClock",),
            "hardpoint.testing.fakes": ("Fakes",),
            "hardpoint.testing.loop": ("VirtualLoop",),
            "hardpoint.testing.network": ("Network", "NetworkRefusedError", "loopback_only"),
            "hardpoint.testing.time": ("manual_time", "no_delays"),
        },
    )
