"""A sign-in, as quick starts show it."""

import os
from urllib.parse import urlencode

import jwt
import requests
from flask import Flask, redirect, request, session

app = Flask(__name__)
GOOGLE = "https://accounts.google.com/o/oauth2/v2/auth?"


@app.get("/login")
def login():
    return redirect(
        GOOGLE
        + urlencode(
            {
                "client_id": os.environ["CLIENT_ID"],
                "response_type": "code",
                "scope": "openid email",
                "redirect_uri": request.host_url + "callback",
            }
        )
    )


@app.get("/callback")
def callback():
    answer = requests.post(
        "https://oauth2.googleapis.com/token",
        data={
            "code": request.args["code"],
            "client_id": os.environ["CLIENT_ID"],
            "client_secret": os.environ["CLIENT_SECRET"],
            "redirect_uri": request.host_url + "callback",
            "grant_type": "authorization_code",
        },
    )
    claims = jwt.decode(answer.json()["id_token"], options={"verify_signature": False})
    session["user"] = claims["email"]
    return redirect("/")
