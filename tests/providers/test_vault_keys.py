"""Keys in the vault in place of those in the configuration, down to the wire and back."""

import pytest

from hardpoint.calls.connection import Connection
from hardpoint.core.errors import AuthenticationError, ReauthorizationRequiredError
from hardpoint.core.money import Money
from hardpoint.core.secrets import Secret
from hardpoint.email.api import EmailSender
from hardpoint.fakes.server import FakeServer
from hardpoint.http.blocking import BlockingTransport
from hardpoint.oauth.keyring import Keyring
from hardpoint.oauth.vault import Vault
from hardpoint.payments.api import PaymentGateway
from hardpoint.providers import sendgrid, twilio
from hardpoint.providers.sendgrid.email import SendGridEmail
from hardpoint.providers.sendgrid.fake import API_KEY, FakeSendGrid
from hardpoint.providers.sendgrid.fake import SENDER as SHOP
from hardpoint.providers.stripe import HOST, Stripe
from hardpoint.providers.stripe.fake import SECRET_KEY, FakeStripe
from hardpoint.providers.stripe.payments import StripePayments
from hardpoint.providers.twilio.fake import ACCOUNT_SID, AUTH_TOKEN, SENDER, FakeTwilio
from hardpoint.providers.twilio.sms import TwilioSms
from hardpoint.runtime.blocking import BlockingRuntime, run
from hardpoint.runtime.work import BlockingWork
from hardpoint.sms.api import SmsSender


@pytest.fixture
def vault(tmp_path):
    keyring = Keyring(Secret.value("k1:" + "A" * 43 + "="))
    vault = Vault(tmp_path / "vault.db", keyring, work=BlockingWork())
    run(vault.open())
    return vault


def test_a_shop_s_own_key_takes_its_payments(vault):
    with FakeServer(FakeStripe()) as server, BlockingTransport() as transport:
        key = vault.authorization("shop", hosts={HOST})
        settings = Stripe(secret_key=key, base_url=server.url)
        driver = StripePayments(transport, settings)
        gateway = PaymentGateway(driver, Connection("shop", BlockingRuntime()))

        def pay():
            return run(gateway.create_payment(Money("10", "EUR"), payment_method="pm_card_visa"))

        with pytest.raises(ReauthorizationRequiredError):
            pay()
        assert server.requests == 0
        run(vault.put_key("shop", Secret.value("sk_test_of_yesterday")))
        with pytest.raises(AuthenticationError) as caught:
            pay()
        assert "yesterday" not in str(caught.value)
        assert run(vault.status("shop")).reason == "rejected"
        run(vault.put_key("shop", Secret.value(SECRET_KEY)))
        assert pay().amount == Money("10", "EUR")


def test_a_user_and_their_secret_text_a_customer(vault):
    run(vault.put_key("texts", Secret.value(AUTH_TOKEN), user=ACCOUNT_SID))
    vendor = FakeTwilio(delivers=False)
    with FakeServer(vendor) as server, BlockingTransport() as transport:
        settings = twilio.Twilio(
            account_sid=ACCOUNT_SID,
            secret=vault.authorization("texts", hosts=twilio.HOSTS),
            from_=SENDER,
            base_url=server.url,
        )
        sender = SmsSender(TwilioSms(transport, settings), Connection("texts", BlockingRuntime()))
        assert run(sender.send(to="+4917012345678", body="hello")).id.startswith("texts:SM")
    vendor.emitter.close()


def test_a_key_mails_a_customer(vault):
    run(vault.put_key("mail", Secret.value(API_KEY)))
    vendor = FakeSendGrid(delivers=False)
    with FakeServer(vendor) as server, BlockingTransport() as transport:
        key = vault.authorization("mail", hosts=sendgrid.HOSTS)
        settings = sendgrid.SendGrid(api_key=key, from_=SHOP, base_url=server.url)
        driver = SendGridEmail(transport, settings)
        sender = EmailSender(driver, Connection("mail", BlockingRuntime()))
        assert run(sender.send(to="ann@c.example", subject="s", text="t")).id
    vendor.emitter.close()
