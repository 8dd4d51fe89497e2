"""Where SageMaker puts things and looks for them, and how a program of the container ends that cannot go on.

Training: docs.aws.amazon.com/sagemaker/latest/dg/your-algorithms-training-algo-running-container.html. Processing:
.../build-your-own-processing-container.html and .../byoc-metadata.html.
"""

import os
import sys
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from recsys.errors import RecsysError
from recsys.files import replace_text

LONGEST_REASON = 1024  # characters that SageMaker shows of a failure


@dataclass(frozen=True)
class Paths:
    """The folders and files under `base`."""

    base: Path

    @classmethod
    def here(cls) -> "Paths":
        """Under SAGEMAKER_BASE_DIR, /opt/ml without it."""
        return cls(Path(os.environ.get("SAGEMAKER_BASE_DIR", "/opt/ml")))

    @property
    def config(self) -> Path:
        return self.base / "input" / "config"

    @property
    def channels(self) -> Path:
        return self.base / "input" / "data"

    @property
    def model(self) -> Path:
        return self.base / "model"

    @property
    def checkpoints(self) -> Path:
        return self.base / "checkpoints"

    @property
    def failure(self) -> Path:
        return self.base / "output" / "failure"

    @property
    def extra(self) -> Path:
        return self.base / "output" / "data"

    @property
    def message(self) -> Path:
        return self.base / "output" / "message"

    @property
    def processing(self) -> Path:
        return self.base / "processing"


def write(path: Path, text: str) -> None:
    """Write a text file, whole or not at all, and the folder it is in."""
    path.parent.mkdir(parents=True, exist_ok=True)
    replace_text(path, text)


@contextmanager
def reason_told(where: Path) -> Iterator[None]:
    """Whatever stops the work is written to `where` as a sentence and printed last; the process ends with 1.

    What nobody foresaw comes with its traceback, before.
    """
    try:
        yield
    except Exception as error:
        reason = str(error) if isinstance(error, RecsysError) else f"{type(error).__name__}: {error}"
        if not isinstance(error, RecsysError):
            traceback.print_exc()
        reason = " ".join(reason.split())[:LONGEST_REASON]
        write(where, reason)
        print(reason, file=sys.stderr, flush=True)
        raise SystemExit(1) from None
