"""Refusals as AWS words them on the wire.

Personalize models no ValidationException. A request that breaks its input shape is refused here as
InvalidInputException, with the sentence AWS uses for broken constraints ("1 validation error detected: ..."): it is the
modelled exception of every operation that takes input but two lists, so `client.exceptions.InvalidInputException`
catches it, and the only 400 that the runtime and events services have at all.
"""

from recsys.local.shared.errors import ServiceError


def invalid(message: str) -> ServiceError:
    return ServiceError("InvalidInputException", message)


def not_found(message: str) -> ServiceError:
    return ServiceError("ResourceNotFoundException", message)


def exists(message: str) -> ServiceError:
    return ServiceError("ResourceAlreadyExistsException", message)


def in_use(message: str) -> ServiceError:
    return ServiceError("ResourceInUseException", message)


def over_limit(message: str) -> ServiceError:
    return ServiceError("LimitExceededException", message)
