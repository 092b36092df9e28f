"""Errors of the operating system, as ours."""

import errno

from hardpoint.core.errors import (
    ConflictError,
    NotFoundError,
    OutcomeUnknownError,
    PermissionDeniedError,
    ProviderError,
    UnavailableError,
)

_KNOWN: dict[int, type[ProviderError]] = {
    errno.EACCES: PermissionDeniedError,
    errno.EPERM: PermissionDeniedError,
    errno.EROFS: PermissionDeniedError,
    errno.ENOENT: NotFoundError,
    # A file where a folder should be, or the other way round: `a` and `a/b` cannot both be there.
    errno.ENOTDIR: ConflictError,
    errno.EISDIR: ConflictError,
    errno.EEXIST: ConflictError,
    errno.ENOTEMPTY: ConflictError,
    errno.ELOOP: ConflictError,
    errno.ENOSPC: UnavailableError,
    errno.EDQUOT: UnavailableError,
    errno.EMFILE: UnavailableError,
    errno.ENFILE: UnavailableError,
}


def problem(error: OSError) -> ProviderError:
    """What it means; an error of the disk itself leaves the outcome unknown."""
    number = error.errno or 0
    make = _KNOWN.get(number, OutcomeUnknownError)
    return make(f"the folder answered {error.strerror}", vendor_code=errno.errorcode.get(number))
