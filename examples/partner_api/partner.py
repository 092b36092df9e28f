"""What a partner runs: it ships every order of its own that is paid, then looks once more.

ORDERS_KEY=orders_... ACME_SECRET=... python partner.py
"""

from hardpoint.sync import Hub

if __name__ == "__main__":
    with Hub.load("partner.toml") as hub:
        service = hub.rest("orders")
        for order, state in service.get("/acme/orders", into=dict[str, str]).items():
            if state == "paid":
                print(service.put(f"/acme/orders/{order}").json())
        signed = hub.rest("signed_orders")
        print(signed.put("/acme/orders/1002", json={"note": "by a signature"}).json())
        print(signed.get("/acme/orders").json())
