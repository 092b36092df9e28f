"""What a message may be, by the words of the port and the limits of a driver; before any I/O."""

import math
import re
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Final, cast

from hardpoint.core.arguments import PAIRS, TEXT, expect, is_fetchable, is_sendable
from hardpoint.core.errors import InvalidRequestError
from hardpoint.sms.driver import SmsCapability, SmsDriver
from hardpoint.sms.segmentation import segments
from hardpoint.sms.types import MessageTemplate

_WORD: Final = re.compile(r"[A-Za-z0-9_.:-]{1,256}", re.ASCII)
_VARIABLE: Final = re.compile(r"[A-Za-z0-9_]{1,64}", re.ASCII)
_LANGUAGE: Final = re.compile(r"[a-z]{2,3}(?:[_-][A-Za-z]{2,4})?", re.ASCII)
_VARIABLES_MAX: Final = 100
_VALUE_CHARACTERS_MAX: Final = 1600


def check_body(driver: SmsDriver, body: str, *, alone: bool) -> None:
    """See that a text can be sent.

    Args:
        driver: whose limits count.
        body: the text.
        alone: nothing else is sent, so that it may not be empty.

    Raises:
        InvalidRequestError: it cannot; too long a text is told with the parts it would take.
    """
    expect(body, str, "body", TEXT)
    most = driver.capabilities.limits["text_characters"]
    if len(body) > most:
        counted = segments(body[: 10 * most])
        more = "" if len(body) <= 10 * most else "more than "
        raise InvalidRequestError(
            f"has {len(body)} characters, and may have {most}: it would take {more}"
            f"{counted.count} segments ({counted.encoding})",
            field="body",
        )
    if alone and not body.strip():
        raise InvalidRequestError("is empty", field="body")
    if not is_sendable(body):
        raise InvalidRequestError("holds a character that cannot be sent", field="body")


def check_media(driver: SmsDriver, media: Sequence[str]) -> None:
    """See that a provider may fetch what goes along.

    Raises:
        InvalidRequestError: too many, or no https URL.
        UnsupportedError: the provider takes none.
    """
    if not media:
        return
    driver.capabilities.require(SmsCapability.MEDIA, driver.provider)
    most = driver.capabilities.limits["media_items"]
    if len(media) > most:
        raise InvalidRequestError(f"has more than {most} items", field="media")
    for index, url in enumerate(media):
        expect(url, str, f"media[{index}]", TEXT)
        if not is_fetchable(url):
            raise InvalidRequestError("is not an https URL", field=f"media[{index}]")


def checked_template(
    driver: SmsDriver, template: MessageTemplate | None, body: str
) -> MessageTemplate | None:
    """The template that stands in place of a text.

    Raises:
        InvalidRequestError: its id, language or variables are none, or there is a text too.
        UnsupportedError: the provider has none.
    """
    if template is None:
        return None
    expect(template, MessageTemplate, "template", 'MessageTemplate("id", variables={...})')
    driver.capabilities.require(SmsCapability.TEMPLATES, driver.provider)
    if body:
        raise InvalidRequestError("stands in the template; leave it out", field="body")
    expect(template.id, str, "template.id", TEXT)
    if not _WORD.fullmatch(template.id):
        raise InvalidRequestError("is no name of a template", field="template.id")
    if template.language is not None:
        expect(template.language, str, "template.language", TEXT)
        if not _LANGUAGE.fullmatch(template.language):
            raise InvalidRequestError("is no language: en, pt_BR", field="template.language")
    expect(template.variables, Mapping, "template.variables", PAIRS)
    variables = cast("Mapping[Any, Any]", template.variables)
    if len(variables) > _VARIABLES_MAX:
        raise InvalidRequestError(f"has more than {_VARIABLES_MAX}", field="template.variables")
    for name, value in variables.items():
        if not isinstance(name, str) or not _VARIABLE.fullmatch(name):
            raise InvalidRequestError(f"{name!r:.80} is no name", field="template.variables")
        key = f"template.variables.{name}"
        expect(value, str, key, TEXT)
        if not value or len(value) > _VALUE_CHARACTERS_MAX or not is_sendable(value):
            raise InvalidRequestError("is empty, too long, or cannot be sent", field=key)
    return template


def checked_service(driver: SmsDriver, service: str | None) -> str | None:
    """The messaging service that chooses a sender.

    Raises:
        InvalidRequestError: it is no name of one.
        UnsupportedError: the provider has none.
    """
    if service is not None:
        expect(service, str, "service", TEXT)
        driver.capabilities.require(SmsCapability.SERVICE, driver.provider)
        if not _WORD.fullmatch(service):
            raise InvalidRequestError("is no id of a messaging service", field="service")
    return service


def checked_moment(driver: SmsDriver, send_at: datetime | None, now: float) -> float | None:
    """When it is to be sent, in Unix seconds.

    Raises:
        InvalidRequestError: it has no time zone, or is too soon or too far off for the provider.
        UnsupportedError: the provider keeps nothing for later.
    """
    if send_at is None:
        return None
    expect(send_at, datetime, "send_at", "a datetime with its time zone")
    driver.capabilities.require(SmsCapability.SCHEDULE, driver.provider)
    if send_at.tzinfo is None:
        raise InvalidRequestError("has no time zone", field="send_at")
    limits, moment = driver.capabilities.limits, send_at.timestamp()
    least, most = limits["schedule_seconds_min"], limits["schedule_seconds_max"]
    if not now + least <= moment <= now + most:
        raise InvalidRequestError(
            f"has to be between {timedelta(seconds=least)} and {timedelta(seconds=most)} from now",
            field="send_at",
        )
    return moment


def checked_validity(driver: SmsDriver, validity: float | None) -> int | None:
    """For how many seconds it is worth sending.

    Raises:
        InvalidRequestError: it is no number of whole seconds, or out of the provider's range.
        UnsupportedError: the provider does not stop by itself.
    """
    if validity is None:
        return None
    expect(validity, (int, float), "validity", "seconds")
    driver.capabilities.require(SmsCapability.VALIDITY, driver.provider)
    limits = driver.capabilities.limits
    least, most = limits["validity_seconds_min"], limits["validity_seconds_max"]
    if not math.isfinite(validity) or validity != int(validity) or not least <= validity <= most:
        raise InvalidRequestError(f"is not {least} to {most} whole seconds", field="validity")
    return int(validity)
