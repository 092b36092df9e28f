"""A question to a model through the vendor's own SDK, under one policy.

    OPENAI_API_KEY=... python ask.py "Why is the sky blue?"

OPENAI_BASE_URL names another server that speaks the same protocol.
"""

import sys
from pathlib import Path

import httpx2
import openai

from hardpoint import CircuitOpenError, OutcomeUnknownError, reason_of
from hardpoint.integrations.httpx import guarded
from hardpoint.sync import Hub


def ask(hub: Hub, question: str) -> str:
    """The answer, or why there is none."""
    with httpx2.Client(transport=guarded(hub.guard("openai")), timeout=60) as http:
        ai = openai.OpenAI(http_client=http, max_retries=0)
        try:
            said = ai.chat.completions.create(
                model="gpt-5-mini", messages=[{"role": "user", "content": question}]
            )
        except openai.APIConnectionError as error:
            match reason_of(error):
                case CircuitOpenError():
                    return "Too many calls have failed; nothing was sent."
                case OutcomeUnknownError():
                    return "The answer was lost. It may have been paid for."
                case _:
                    return "There is no connection; nothing was sent."
        return said.choices[0].message.content or ""


if __name__ == "__main__":
    with Hub.load(Path(__file__).with_name("hardpoint.toml")) as hub:
        print(ask(hub, " ".join(sys.argv[1:])))
