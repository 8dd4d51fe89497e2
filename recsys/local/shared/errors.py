"""A refusal as AWS words it on the wire."""


class ServiceError(Exception):
    """One refusal: AWS's error code, the message, and the HTTP status where the model gives none."""

    def __init__(self, code: str, message: str, status: int = 400) -> None:
        super().__init__(message)
        self.code, self.message, self.status = code, message, status


def broken(message: str) -> ServiceError:
    """A request that breaks its input shape, as every AWS service says it."""
    return ServiceError("ValidationException", message)
