"""A webhook, as quick starts show it."""

import json
import os

import stripe
from flask import Flask, jsonify, request

app = Flask(__name__)
stripe.api_key = os.environ["STRIPE_SECRET_KEY"]
endpoint_secret = os.environ.get("STRIPE_WEBHOOK_SECRET", "")


@app.route("/webhook", methods=["POST"])
def webhook():
    event = json.loads(request.data)
    if endpoint_secret:
        signature = request.headers.get("stripe-signature")
        try:
            event = stripe.Webhook.construct_event(request.data, signature, endpoint_secret)
        except stripe.SignatureVerificationError:
            return jsonify(success=False), 400
    if event["type"] == "checkout.session.completed":
        try:
            fulfil(event["data"]["object"])
        except Exception as error:
            print("could not fulfil", error)
    return jsonify(success=True)


def fulfil(session):
    print("shipping", session["id"])
