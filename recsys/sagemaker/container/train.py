"""`train`: a recommender from the channel `interactions`, resumed where an interruption left it.

SIGTERM, by which SageMaker announces that a spot instance or a job is stopped, ends it with 143; the checkpoint is
written after every trial, so that a kill without warning costs no more than the trial in progress.
"""

import json
import signal
import time

from threadpoolctl import threadpool_limits

from recsys.models import Sequences
from recsys.sagemaker.container import artefact, channels, learning
from recsys.sagemaker.container.checkpoint import Checkpoint, fingerprint
from recsys.sagemaker.container.hyperparameters import Hyperparameters
from recsys.sagemaker.container.paths import Paths, reason_told, write_whole
from recsys.sagemaker.metrics import line

INTERRUPTED = 128 + signal.SIGTERM


def main() -> None:
    """Train with what is under the base folder; exit 1 with the reason in output/failure."""
    signal.signal(signal.SIGTERM, _stop)
    paths = Paths.here()
    with reason_told(paths.failure):
        train(paths)


def train(paths: Paths) -> None:
    """Read, evaluate, fit on everybody, write. Raises RecsysError where hyperparameters or data cannot be used."""
    started = time.perf_counter()
    asked = Hyperparameters.read(paths.config / "hyperparameters.json")
    seqs = Sequences.from_interactions(channels.interactions(paths))
    print(f"{seqs.n_users:,} users, {seqs.n_items:,} items, {seqs.n_events:,} events; {asked.as_text()}", flush=True)
    checkpoint = Checkpoint.open(paths.checkpoints, fingerprint(seqs, asked))
    with threadpool_limits(asked.threads, user_api="blas"):
        if not checkpoint.metrics:
            learning.evaluate(seqs, asked, checkpoint)
        for name, value in checkpoint.metrics.items():
            print(line(name, value), flush=True)
        model = learning.fit(seqs, asked, checkpoint.settings or {})
    artefact.save(paths.model, model, seqs)
    about = {"hyperparameters": asked.as_dict(), "settings": checkpoint.settings, "metrics": checkpoint.metrics}
    write_whole(paths.extra / "metrics.json", json.dumps(about | {"trials": checkpoint.trials}, indent=1))
    print(line("train:seconds", time.perf_counter() - started), flush=True)


def _stop(number: int, frame: object) -> None:
    print("SIGTERM: stopping, the checkpoint is kept", flush=True)
    raise SystemExit(INTERRUPTED)


if __name__ == "__main__":
    main()
