"""A text, as quick starts show it."""

import os

from fastapi import FastAPI
from tenacity import retry, stop_after_attempt
from twilio.rest import Client

app = FastAPI()
client = Client(os.environ["TWILIO_ACCOUNT_SID"], os.environ["TWILIO_AUTH_TOKEN"])


@app.post("/remind/{number}")
async def remind(number: str):
    return {"sid": send(number)}


@retry(stop=stop_after_attempt(3))
def send(number):
    message = client.messages.create(to=number, from_="+15005550006", body="Your table is ready.")
    print("sent with", client.auth[1], os.environ["TWILIO_AUTH_TOKEN"])
    return message.sid
