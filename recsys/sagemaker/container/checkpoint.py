"""What a training resumes from: the trials made and, once it is done, the evaluation; written whole after each.

SageMaker keeps the folder in S3 and gives it to the job again after a spot interruption.
"""

import hashlib
import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from recsys.models import next_item
from recsys.models.sequences import Sequences
from recsys.sagemaker.container import paths
from recsys.sagemaker.container.hyperparameters import Hyperparameters

NAME = "training.json"


@dataclass
class Checkpoint:
    """trials: in their order (settings, items, users, ndcg, seconds). settings: chosen, metrics: evaluated, once done.

    returning: the trials of the model for users who come back, likewise.
    """

    path: Path
    fingerprint: str
    trials: list[dict[str, Any]] = field(default_factory=list)
    settings: dict[str, Any] | None = None
    metrics: dict[str, float] = field(default_factory=dict)
    returning: list[dict[str, Any]] = field(default_factory=list)

    @classmethod
    def open(cls, folder: Path, fingerprint: str) -> "Checkpoint":
        """What was kept in `folder` of this training; a new one, and a line that says why, where it is another's."""
        path = folder / NAME
        if not path.exists():
            return cls(path, fingerprint)
        try:
            kept = cls(path=path, **json.loads(path.read_text("utf-8")))
        except (ValueError, TypeError):
            print(f"{path} is damaged: starting anew", flush=True)
            return cls(path, fingerprint)
        if kept.fingerprint != fingerprint:
            print(f"{path} is of other data, hyperparameters or another release: starting anew", flush=True)
            return cls(path, fingerprint)
        done = "and the evaluation " if kept.metrics else ""
        print(f"resuming: {len(kept.trials)} trials {done}taken from {path}", flush=True)
        return kept

    def write(self) -> None:
        """Keep it, whole or not at all."""
        kept = asdict(self)
        del kept["path"]
        paths.write(self.path, json.dumps(kept))


def fingerprint(seqs: Sequences, asked: Hyperparameters) -> str:
    """sha256 of all that a training follows from: events, hyperparameters, and the code that searches."""
    digest = hashlib.sha256(json.dumps([asked.as_dict(), np.__version__], sort_keys=True).encode())
    for ids in (seqs.user_ids, seqs.item_ids):
        digest.update(json.dumps(ids.tolist()).encode())
    for array in (seqs.offsets, seqs.codes, seqs.times):
        digest.update(np.ascontiguousarray(array).tobytes())
    for source in sorted(Path(next_item.__file__).parent.glob("*.py")):
        digest.update(source.read_bytes())
    return digest.hexdigest()
