"""What further vendors answer, as their pages and our fakes have it."""

from typing import Any

TEXT = "Your order has left."
LOCATION, CHANNEL, ROOM = "LBENCH000001", "C012AB3CD", "772908445358620702"
AMOUNT = {"currency_code": "EUR", "value": "19.99"}
MINOR = {"amount": 1999, "currency": "EUR"}
TIME = "2026-11-28T09:00:00Z"

TOKEN: Any = {
    "scope": "https://uri.paypal.com/services/payments",
    "access_token": "A21AAbench",
    "token_type": "Bearer",
    "app_id": "APP-BENCH",
    "expires_in": 32400,
}
ORDER: Any = {
    "id": "5O190127TN364715T",
    "intent": "CAPTURE",
    "status": "COMPLETED",
    "purchase_units": [
        {
            "reference_id": "default",
            "amount": AMOUNT,
            "custom_id": "order-1",
            "description": "A book",
            "payments": {
                "captures": [
                    {
                        "id": "3C679366HH908993F",
                        "status": "COMPLETED",
                        "amount": AMOUNT,
                        "final_capture": True,
                        "custom_id": "order-1",
                        "create_time": TIME,
                        "update_time": TIME,
                        "links": [
                            {
                                "rel": "self",
                                "href": "https://api-m.paypal.com/v2/payments/captures/3C679366HH908993F",
                                "method": "GET",
                            }
                        ],
                    }
                ]
            },
        }
    ],
    "payment_source": {"card": {"last_digits": "1111", "brand": "VISA"}},
    "create_time": TIME,
    "links": [
        {
            "rel": "self",
            "href": "https://api-m.paypal.com/v2/checkout/orders/5O190127TN364715T",
            "method": "GET",
        }
    ],
}
PAID: Any = {
    "payment": {
        "id": "bP9mAsEMYPUGjjGNaNO5ZDVyLhSZY",
        "created_at": "2026-11-28T09:00:00.000Z",
        "updated_at": "2026-11-28T09:00:00.100Z",
        "amount_money": MINOR,
        "total_money": MINOR,
        "approved_money": MINOR,
        "status": "COMPLETED",
        "source_type": "CARD",
        "card_details": {
            "status": "CAPTURED",
            "card": {"card_brand": "VISA", "last_4": "1111", "exp_month": 11, "exp_year": 2030},
            "entry_method": "KEYED",
            "cvv_status": "CVV_ACCEPTED",
            "avs_status": "AVS_ACCEPTED",
        },
        "location_id": LOCATION,
        "order_id": "nUSN9TdxpiK3SrQg3wzmf6r8LP9YY",
        "reference_id": "order-1",
        "note": "A book",
        "receipt_number": "bP9m",
    }
}
POSTED: Any = {
    "ok": True,
    "channel": CHANNEL,
    "ts": "1760000000.000100",
    "message": {
        "type": "message",
        "user": "U1",
        "bot_id": "B1",
        "ts": "1760000000.000100",
        "text": TEXT,
    },
}
SAID: Any = {
    "id": "1577337556016562177",
    "type": 0,
    "channel_id": ROOM,
    "content": TEXT,
    "attachments": [],
    "author": {"id": "1", "username": "shop", "bot": True},
    "embeds": [],
    "mentions": [],
    "mention_roles": [],
    "pinned": False,
    "tts": False,
    "timestamp": "2026-11-28T09:00:00.000000+00:00",
    "flags": 0,
}
TAKEN: Any = {"message_uuid": "aaaaaaaa-bbbb-4ccc-8ddd-0123456789ab"}
MAILED: Any = {
    "To": "ann@customer.example",
    "SubmittedAt": "2026-11-28T09:00:00.0000000+00:00",
    "MessageID": "aaaaaaaa-bbbb-4ccc-8ddd-0123456789ab",
    "ErrorCode": 0,
    "Message": "OK",
}
