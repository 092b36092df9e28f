"""Teams by a workflow, held to what every driver must do, in both modes, and through every fault.

It has no keys, and the answer names no message: what may have been posted is posted once.
"""

import pytest

from hardpoint.chat import ChatNotifier
from hardpoint.core.errors import InvalidRequestError
from hardpoint.fakes.server import FakeServer
from hardpoint.providers.msteams.fake import FakeTeams
from hardpoint.sync.chat import ChatNotifier as BlockingNotifier
from hardpoint.testing.conformance.chat import ChatConformance, ChatSubject
from hardpoint.testing.conformance.faults import Adapter, FaultConformance
from hardpoint.testing.conformance.served import driver_of, port_on

from .reading import seen


class TestTeams(ChatConformance):
    @pytest.fixture
    def subject(self, mode):
        vendor = FakeTeams()
        with FakeServer(vendor) as server:
            yield ChatSubject(
                mode,
                driver_of(vendor, mode.transport(), server.url),
                requests=lambda: server.requests,
                missing="elsewhere",
                person="U1",
                seen=lambda: [seen(one) for one in vendor.cards],
            )


class TestFaults(FaultConformance):
    adapter = Adapter(
        vendor=FakeTeams,
        port=port_on(FakeTeams, ChatNotifier),
        facade=BlockingNotifier,
        calls={"unkeyed": lambda port: port.post("late")},
        effects="message",
        refused=(
            lambda port: port.post("late", extra={"msteams": {"odd": 1}}),
            InvalidRequestError,
        ),
        bodiless=True,
    )
