"""How long a process takes until it can call, the SDK's import beside ours: whole processes."""

import os
import statistics
import subprocess
import sys

BARE = "a bare interpreter"
PROGRAMS = {
    BARE: "pass",
    "import httpx2": "import httpx2",
    "hardpoint: the adapter for Stripe alone": "import hardpoint.providers.stripe.payments",
    "hardpoint: the adapter for S3 alone": "import hardpoint.providers.aws.storage",
    "hardpoint: the adapter for Twilio alone": "import hardpoint.providers.twilio.sms",
    "hardpoint: payments with Stripe": (
        "from hardpoint.payments import PaymentGateway;"
        "from hardpoint.http.asynchronous import AsyncTransport;"
        "from hardpoint.runtime.asynchronous import AsyncRuntime;"
        "from hardpoint.calls.connection import Connection;"
        "from hardpoint.core.secrets import Secret;"
        "from hardpoint.providers.stripe import Stripe;"
        "from hardpoint.providers.stripe.payments import StripePayments;"
        "PaymentGateway(StripePayments(AsyncTransport(),"
        " Stripe(secret_key=Secret.value('sk_test_x'))), Connection('shop', AsyncRuntime()))"
    ),
    "stripe": "import stripe; stripe.StripeClient('sk_test_x').v1.payment_intents",
    "hardpoint: SMS with Twilio": (
        "from hardpoint.sms import SmsSender;"
        "from hardpoint.http.asynchronous import AsyncTransport;"
        "from hardpoint.runtime.asynchronous import AsyncRuntime;"
        "from hardpoint.calls.connection import Connection;"
        "from hardpoint.core.secrets import Secret;"
        "from hardpoint.providers.twilio import Twilio;"
        "from hardpoint.providers.twilio.sms import TwilioSms;"
        "SmsSender(TwilioSms(AsyncTransport(), Twilio(account_sid='AC' + '0' * 32,"
        " secret=Secret.value('x'))), Connection('texts', AsyncRuntime()))"
    ),
    "hardpoint: email with SendGrid": (
        "from hardpoint.email import EmailSender;"
        "from hardpoint.http.asynchronous import AsyncTransport;"
        "from hardpoint.runtime.asynchronous import AsyncRuntime;"
        "from hardpoint.calls.connection import Connection;"
        "from hardpoint.core.secrets import Secret;"
        "from hardpoint.providers.sendgrid import SendGrid;"
        "from hardpoint.providers.sendgrid.email import SendGridEmail;"
        "EmailSender(SendGridEmail(AsyncTransport(),"
        " SendGrid(api_key=Secret.value('SG.x'))), Connection('mail', AsyncRuntime()))"
    ),
    "sendgrid": "from sendgrid import SendGridAPIClient; SendGridAPIClient('SG.x').client.mail",
    "twilio": "from twilio.rest import Client; Client('AC' + '0' * 32, 'x').messages",
}


def cpu_ms(program: str) -> float:
    """User and system time of a process that runs the program, in milliseconds."""
    # Measured code must not be traced: a coverage run would start in the child otherwise.
    clean = {k: v for k, v in os.environ.items() if not k.startswith("COVERAGE_")}
    process = subprocess.Popen([sys.executable, "-c", program], env=clean)
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise ImportError(program)
    return (usage.ru_utime + usage.ru_stime) * 1000


def measure(runs: int) -> dict[str, float]:
    """The median of each program, in an order that changes from run to run."""
    found: dict[str, list[float]] = {name: [] for name in PROGRAMS}
    names = list(PROGRAMS)
    for _ in range(runs + 1):  # the first fills the disk's cache
        for name in names:
            found[name].append(cpu_ms(PROGRAMS[name]))
        names = [*names[1:], names[0]]
    return {name: statistics.median(times[1:]) for name, times in found.items()}
