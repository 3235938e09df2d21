"""Every error of the client.

ClientError
 ├─ BadRequest     the rows do not match the model's inputs
 ├─ ModelNotFound  no such model, version or label is served
 ├─ Unreachable    no server answers, or it is overloaded; a retry may help
 ├─ TooLate        no answer within the time
 └─ ServerFailed   the server failed
"""

from __future__ import annotations


class ClientError(Exception):
    """A request got no result; the message states the reason."""


class BadRequest(ClientError):
    """The rows do not match the model's inputs."""


class ModelNotFound(ClientError):
    """No such model, version or label is served."""


class Unreachable(ClientError):
    """No server answers, or it is overloaded; a retry may help."""


class TooLate(ClientError):
    """There was no answer within the time."""


class ServerFailed(ClientError):
    """The server failed."""
