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

A message says what happened, with which value, and what to do next. The command line prints it as one line, a notebook
under the lines of the cell that led to it: what lies in the package and below it is left out.
"""

import linecache
import traceback


class RecsysError(Exception):
    """Root of the tree; catching it catches every error meant for a person."""

    def _render_traceback_(self) -> list[str]:
        """What IPython shows: the cell's own lines, whose module is `__main__`, and the message."""
        here = [at for at in traceback.walk_tb(self.__traceback__) if at[0].f_globals.get("__name__") == "__main__"]
        lines = [f"  line {line}: {linecache.getline(frame.f_code.co_filename, line).strip()}" for frame, line in here]
        whole = "import traceback; traceback.print_last()"
        return [f"In this cell (the whole way: {whole}):", *lines, "", f"{type(self).__name__}: {self}"]


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
