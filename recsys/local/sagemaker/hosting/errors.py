"""What may go wrong in hosting.

HostingError
├── HostingFailed    a container cannot be started; `reason` is what FailureReason says
├── Refused          a call names a variant or model that the endpoint has not (ValidationError)
├── TimedOut         a container did not answer in time (ModelError with status 0)
├── Unavailable      no process answered, though the call was tried twice (ServiceUnavailable)
└── TransformFailed  a batch transform cannot go on; `details` are for the job's log

The sentences are AWS's, as users have quoted them. AWS gives no more than these; what a process wrote last is added to
them here, because it nearly always is the cause.
"""


class HostingError(Exception):
    """Root of the tree."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class HostingFailed(HostingError):
    """A container cannot be started."""


class Refused(HostingError):
    """A call names a variant or model that the endpoint has not."""


class TimedOut(HostingError):
    """A container did not answer in time."""


class Unavailable(HostingError):
    """No process answered."""


class TransformFailed(HostingError):
    """A batch transform cannot go on; `details` are the lines that AWS writes into the job's log."""

    def __init__(self, reason: str, details: list[str]) -> None:
        super().__init__(reason)
        self.details = details


NO_ANSWER = (
    "Your invocation timed out while waiting for a response from container primary. Review the latency metrics for "
    "each container in Amazon CloudWatch, resolve the issue, and try again."
)


def from_model(status: int, told: str) -> str:
    """What is said of a call that the model answered with an HTTP status of 400 or more and the text `told`."""
    return f'Received {"server" if status >= 500 else "client"} error ({status}) from primary with message "{told}".'


def no_ping(variant: str) -> str:
    """Why an endpoint failed whose container did not get ready."""
    return (
        f"The primary container for production variant {variant} did not pass the ping health check. "
        "Please check CloudWatch logs for this endpoint."
    )


def bad_archive(url: str) -> str:
    """Why an endpoint failed whose model.tar.gz cannot be extracted."""
    return (
        f'Failed to extract model data archive for container "container_1" from URL "{url}". '
        "Please ensure that the object located at the URL is a valid tar.gz archive."
    )
