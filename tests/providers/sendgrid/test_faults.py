"""SendGrid in the fault matrix: no keys and no way to look, so what may be sent is sent once."""

from hardpoint.core.errors import InvalidRequestError
from hardpoint.core.secrets import Secret
from hardpoint.email import EmailSender
from hardpoint.providers.sendgrid import SendGrid
from hardpoint.providers.sendgrid.email import SendGridEmail
from hardpoint.providers.sendgrid.fake import API_KEY, FakeSendGrid
from hardpoint.sync.email import EmailSender as BlockingSender
from hardpoint.testing.conformance.faults import Adapter, FaultConformance


def port(transport, url, connection):
    settings = SendGrid(api_key=Secret.value(API_KEY), from_="orders@shop.example", base_url=url)
    return EmailSender(SendGridEmail(transport, settings), connection)


def email(to):
    return lambda port: port.send(to=to, subject="Your order", text="hello")


class TestSendGrid(FaultConformance):
    adapter = Adapter(
        vendor=lambda: FakeSendGrid(delivers=False),
        port=port,
        facade=BlockingSender,
        calls={"unkeyed": email("ann@customer.example")},
        effects="email",
        refused=(email("invalid@fake.example"), InvalidRequestError),
        bodiless=True,
    )
