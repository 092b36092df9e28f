"""A script that sends a receipt, once, however often it is run.

export SMTP_URL=smtp://user:password@mail.example:587
python receipts.py ann@customer.example 7
python receipts.py ann@customer.example 7
"""

import sys

from hardpoint.sync import Hub

hub = Hub.load("hardpoint.toml")


def send_receipt(to: str, order: str) -> str:
    """The email's `Message-ID`; a second run is given that of the first."""
    email = hub.email("mail").send(
        to=to,
        subject=f"Your order {order}",
        text="Thank you. It leaves today.",
        idempotency_key=f"receipt-{order}",
    )
    return str(email.id)


if __name__ == "__main__":
    with hub:
        sys.stdout.write(f"{send_receipt(*sys.argv[1:3])}\n")
