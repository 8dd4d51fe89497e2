"""A training from what SageMaker gives to what it takes: read, evaluate, fit on everybody, write."""

import json
import time

from threadpoolctl import threadpool_limits

from recsys.models import Sequences
from recsys.sagemaker.container import artefact, channels, learning
from recsys.sagemaker.container.checkpoint import Checkpoint, fingerprint
from recsys.sagemaker.container.hyperparameters import Hyperparameters
from recsys.sagemaker.container.paths import Paths, write
from recsys.sagemaker.metrics import line


def train(paths: Paths) -> None:
    """Raises RecsysError where hyperparameters or data cannot be used."""
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
        returning = learning.fit_for_returning(seqs, asked, checkpoint)
    artefact.save(paths.model, model, seqs, returning)
    about = {"hyperparameters": asked.as_dict(), "settings": checkpoint.settings, "metrics": checkpoint.metrics}
    about |= {"trials": checkpoint.trials, "returning": returning and returning.settings}
    write(paths.extra / "metrics.json", json.dumps(about, indent=1))
    print(line("train:seconds", time.perf_counter() - started), flush=True)
