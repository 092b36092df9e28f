"""A script that copies deals of an API nobody has written an adapter for.

CRM_KEY=... python deals.py
"""

from dataclasses import dataclass

from hardpoint.clients import cursor
from hardpoint.sync import Hub


@dataclass
class Deal:
    id: int
    name: str
    amount: str


hub = Hub.load("hardpoint.toml")
crm = hub.rest("crm")


def copy_deals() -> int:
    """Copy every deal; run it again after a crash, and none is made twice."""
    deals = crm.pages("/deals", into=list[Deal], items="/data", page=cursor("/next", "after"))
    count = 0
    for deal in deals:
        copy = {"name": f"Copy of {deal.name}", "amount": deal.amount}
        crm.post("/deals", json=copy, idempotency_key=f"copy-{deal.id}")
        count += 1
    return count


if __name__ == "__main__":
    with hub:
        print(f"{copy_deals()} deals copied")
