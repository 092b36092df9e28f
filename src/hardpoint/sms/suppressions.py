"""What a text meets whose recipient wants none."""

from hardpoint.core.errors import InvalidRequestError


class OptedOutError(InvalidRequestError):
    """The recipient has opted out of this sender; send nothing until they opt in again."""

    code = "opted_out"
