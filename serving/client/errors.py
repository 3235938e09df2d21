"""Every error of the client.

ClientError
 ├─ BadRequest     the rows are not what the model takes
 ├─ ModelNotFound  no such model, version or label is served
 ├─ Unreachable    no server answers, or it is overloaded; trying again may help
 ├─ TooLate        no answer within the time
 └─ ServerFailed   the server could not do it
"""

from __future__ import annotations


class ClientError(Exception):
    """A request got no result; the message says why."""


class BadRequest(ClientError):
    """The rows are not what the model takes."""


class ModelNotFound(ClientError):
    """No such model, version or label is served."""


class Unreachable(ClientError):
    """No server answers, or it is overloaded; trying again may help."""


class TooLate(ClientError):
    """There was no answer within the time."""


class ServerFailed(ClientError):
    """The server could not do it."""
