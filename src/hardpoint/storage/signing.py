"""What may be signed for others: refused before anything is, where it cannot be what it says."""

import re
from urllib.parse import quote

import msgspec

from hardpoint.core.arguments import NUMBER, TEXT, expect
from hardpoint.core.errors import InvalidRequestError
from hardpoint.storage.driver import StorageCapability, StorageDriver
from hardpoint.storage.keys import checked_content_type, checked_key, known_key
from hardpoint.storage.types import PostPolicy, SignedUse

FILENAME_CHARACTERS_MAX = 255

_METHODS = ("GET", "HEAD", "PUT", "DELETE")
_CACHE_CONTROL = re.compile(r"[\w=,\" -]{1,256}", re.ASCII)
_PLAIN = re.compile(r"[^A-Za-z0-9 ._()+-]")


def checked_use(
    driver: StorageDriver, use: SignedUse, *, filename: str | None, inline: bool
) -> SignedUse:
    """What a signed URL is for, as the driver is told.

    Raises:
        UnsupportedError: the provider cannot do that.
        InvalidRequestError: an argument is wrong, or does not go with the method.
    """
    require = driver.capabilities.require
    require(StorageCapability.SIGN_URL, driver.provider)
    (checked_key if use.method == "PUT" else known_key)(use.key)
    _check_expires(driver, use.expires)
    if use.method not in _METHODS:
        raise InvalidRequestError(f"is none of {', '.join(_METHODS)}", field="method")
    if use.content_type is not None:
        require(StorageCapability.SIGN_CONTENT_TYPE, driver.provider)
        checked_content_type(use.content_type)
        _check_method(use, "PUT", "content_type")
    if use.cache_control is not None:
        require(StorageCapability.SIGN_CACHE_CONTROL, driver.provider)
        expect(use.cache_control, str, "cache_control", TEXT)
        if not _CACHE_CONTROL.fullmatch(use.cache_control):
            raise InvalidRequestError("is not a list of directives", field="cache_control")
        _check_method(use, "GET", "cache_control")
    if filename is None:
        return use
    require(StorageCapability.SIGN_FILENAME, driver.provider)
    _check_method(use, "GET", "filename")
    return msgspec.structs.replace(use, disposition=disposition(filename, inline=inline))


def disposition(filename: str, *, inline: bool) -> str:
    """A `Content-Disposition` (RFC 6266) that names a file in any language.

    Raises:
        InvalidRequestError: it is no file's name.
    """
    expect(filename, str, "filename", TEXT)
    if not filename or len(filename) > FILENAME_CHARACTERS_MAX or filename in {".", ".."}:
        raise InvalidRequestError("is not the name of a file", field="filename")
    if not filename.isprintable() or "/" in filename or "\\" in filename:
        raise InvalidRequestError("has a character that no file's name has", field="filename")
    kind = "inline" if inline else "attachment"
    plain = _PLAIN.sub("_", filename)
    if plain == filename:
        return f'{kind}; filename="{plain}"'
    return f"{kind}; filename=\"{plain}\"; filename*=UTF-8''{quote(filename, safe='')}"


def check_policy(driver: StorageDriver, policy: PostPolicy, expires: int) -> None:
    """See that a form's policy can be signed.

    Raises:
        UnsupportedError: the provider has no forms.
        InvalidRequestError: an argument is wrong.
    """
    driver.capabilities.require(StorageCapability.SIGN_POST, driver.provider)
    checked_key(policy.key)
    _check_expires(driver, expires)
    for field, size in {"size_min": policy.size_min, "size_max": policy.size_max}.items():
        expect(size, int, field, NUMBER)
    if not 0 <= policy.size_min <= policy.size_max:
        raise InvalidRequestError("is not 0 to size_max", field="size_min")
    if policy.content_type is not None:
        checked_content_type(policy.content_type)


def _check_method(use: SignedUse, method: str, field: str) -> None:
    if use.method != method:
        raise InvalidRequestError(f"goes with {method} only", field=field)


def _check_expires(driver: StorageDriver, expires: int) -> None:
    most = driver.capabilities.limits["expires_seconds"]
    expect(expires, int, "expires", "a whole number of seconds")
    if expires is True or not 1 <= expires <= most:
        raise InvalidRequestError(f"is not 1 to {most} seconds", field="expires")
