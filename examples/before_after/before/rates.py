"""A look-up, as quick starts show it."""

import time

import requests


def rate(currency):
    while True:
        try:
            answer = requests.get(
                "https://rates.vendor.example/latest?base=" + currency, verify=False
            )
            return answer.json()["rate"]
        except Exception:
            time.sleep(1)
