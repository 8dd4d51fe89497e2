"""Refusals in SageMaker's words."""

from recsys.local.shared.errors import ServiceError, broken


def unsupported(what: str) -> ServiceError:
    """What AWS would take and the embedded SageMaker cannot do: refused, so that nothing is promised in silence."""
    return broken(f"The embedded SageMaker does not do this: {what}")


def over_limit(message: str) -> ServiceError:
    return ServiceError("ResourceLimitExceeded", message)


def conflict(message: str) -> ServiceError:
    return ServiceError("ConflictException", message)
