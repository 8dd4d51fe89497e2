"""`train`: a recommender from the channel `interactions`, resumed where an interruption left it.

SIGTERM, by which SageMaker announces that a spot instance or a job is stopped, ends it with 143; the checkpoint is
written after every trial, so that a kill without warning costs no more than the trial in progress.
"""

import os
import signal

from recsys.sagemaker.container.paths import Paths, reason_told

INTERRUPTED = 128 + signal.SIGTERM


def main() -> None:
    """Train with what is under the base folder; exit 1 with the reason in output/failure."""
    signal.signal(signal.SIGTERM, _stop)
    paths = Paths.here()
    with reason_told(paths.failure):
        from recsys.sagemaker.container.training import train  # takes seconds, in which SIGTERM may come

        train(paths)


def _stop(number: int, frame: object) -> None:
    os.write(1, b"SIGTERM: stopping, the checkpoint is kept\n")  # print would fail where it has interrupted a print
    raise SystemExit(INTERRUPTED)


if __name__ == "__main__":
    main()
