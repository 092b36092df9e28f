"""A payment, as quick starts show it."""

import stripe
from flask import Flask, jsonify, request

app = Flask(__name__)
stripe.api_key = "sk_test_" + "put-yours-here"


@app.post("/create-payment-intent")
def create_payment():
    data = request.get_json()
    try:
        intent = stripe.PaymentIntent.create(
            amount=int(float(data["price"]) * 100), currency="eur", customer=data["customer"]
        )
    except stripe.StripeError as error:
        return jsonify(error=str(error)), 403
    return jsonify(clientSecret=intent.client_secret)
