"""What a workflow answers: nothing where it starts, else why it does not."""

import msgspec

from hardpoint.http.errors import Problem
from hardpoint.http.messages import Response


class Fault(msgspec.Struct):
    """What is wrong."""

    code: str | None = None
    message: str = ""


class Refusal(msgspec.Struct):
    """Why a workflow does not start."""

    error: Fault = msgspec.field(default_factory=Fault)

    def problem(self, reply: Response) -> Problem:
        """As our table knows it."""
        return Problem(status=reply.status, code=self.error.code, message=self.error.message)
