"""Everything this package raises on purpose.

RecsysError
├── ParamsError      a parameter is unknown, of the wrong type or out of range
├── DataError        a file or table cannot be used as it is
├── ModelError       a model cannot be trained, saved or loaded
├── AwsError         AWS, or what answers in its place, could not do what was asked
│   ├── Refused      a request was refused; `code` carries AWS's error code
│   └── TimedOut     something did not reach the awaited state in time
├── NotKnown         something could not be found out
├── LocalError       the embedded AWS cannot start, stop or read its state
└── NotebookError    a notebook failed, or an expectation in it did not hold

A message says what happened, with which value, and what to do next. The command line prints it as one line.
"""


class RecsysError(Exception):
    """Root of the tree; catching it catches every error meant for a person."""


class ParamsError(RecsysError):
    """A parameter is unknown, of the wrong type or out of range."""


class DataError(RecsysError):
    """A file or table cannot be used as it is."""


class ModelError(RecsysError):
    """A model cannot be trained, saved or loaded."""


class AwsError(RecsysError):
    """AWS, or what answers in its place, could not do what was asked."""


class Refused(AwsError):
    """A request was refused; `code` is AWS's error code, such as `ResourceInUseException`."""

    def __init__(self, message: str, code: str = "") -> None:
        super().__init__(message)
        self.code = code


class TimedOut(AwsError):
    """Something did not reach the awaited state in time."""


class NotKnown(RecsysError):
    """Something could not be found out, which does not mean that it is wrong."""


class LocalError(RecsysError):
    """The embedded AWS cannot start, stop or read its state."""


class NotebookError(RecsysError):
    """A notebook failed, or an expectation in it did not hold."""
