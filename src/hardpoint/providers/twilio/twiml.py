"""TwiML: a call's script in Twilio's markup. Built as a tree, so that no text becomes markup.

https://www.twilio.com/docs/voice/twiml.
"""

from typing import TYPE_CHECKING

from hardpoint.voice.script import Dial, Gather, Pause, Play, Record, Redirect, Say, Script, Verb

if TYPE_CHECKING:
    from xml.etree.ElementTree import Element


def twiml(script: Script) -> str:
    """The document for a checked script."""
    from xml.etree.ElementTree import Element, tostring  # spent by those who call

    response = Element("Response")
    for verb in script:
        _write(response, verb)
    return tostring(response, encoding="unicode")


def _write(parent: "Element", verb: Verb) -> None:
    match verb:
        case Say():
            _add(parent, "Say", verb.text, language=verb.language, voice=verb.voice)
        case Play():
            _add(parent, "Play", verb.url, loop=str(verb.times))
        case Pause():
            _add(parent, "Pause", length=str(verb.seconds))
        case Gather():
            gather = _add(
                parent,
                "Gather",
                input="dtmf speech" if verb.speech else "dtmf",
                numDigits=None if verb.digits is None else str(verb.digits),
                timeout=str(verb.seconds),
                finishOnKey=verb.finish_on,
                language=verb.language,
                action=verb.url,
                actionOnEmptyResult="true" if verb.always else None,
            )
            for one in verb.prompt:
                _write(gather, one)
        case Record():
            _add(
                parent,
                "Record",
                maxLength=str(verb.seconds),
                finishOnKey=verb.finish_on,
                playBeep=str(verb.beep).lower(),
                action=verb.url,
            )
        case Dial():
            dial = _add(parent, "Dial", timeout=str(verb.seconds), callerId=verb.caller_id)
            _add(dial, "Number", verb.number)
        case Redirect():
            _add(parent, "Redirect", verb.url)


def _add(
    parent: "Element", name: str, text: str | None = None, **attributes: str | None
) -> "Element":
    given = {key: value for key, value in attributes.items() if value is not None}
    element = parent.makeelement(name, given)
    element.text = text
    parent.append(element)
    return element
