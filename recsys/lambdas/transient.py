"""Failures that pass: whether the same request may succeed later."""

from botocore.exceptions import ClientError, ConnectionError, HTTPClientError

# As exceptions are named, and as BatchExecuteStatement names the same in its answer for one statement.
TRANSIENT = {
    "InternalServerError",
    "InternalServerException",
    "ModelNotReadyException",
    "ProvisionedThroughputExceeded",
    "ProvisionedThroughputExceededException",
    "RequestLimitExceeded",
    "Throttling",
    "ThrottlingError",
    "ThrottlingException",
    "TooManyRequestsException",
    "TransactionConflict",
}


def is_transient(error: Exception) -> bool:
    """Whether the same request may succeed later."""
    if isinstance(error, ClientError):
        status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
        return error.response["Error"]["Code"] in TRANSIENT or status >= 500
    return isinstance(error, HTTPClientError | ConnectionError)
