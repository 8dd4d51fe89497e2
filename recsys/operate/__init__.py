"""What is done with a system that stands."""

from recsys.operate.batch import results, run_batch
from recsys.operate.experiments import Verdict, compare, exposures
from recsys.operate.incoming import hand_in, news
from recsys.operate.retraining import measured, retrain, steps, versions

__all__ = [
    "Verdict",
    "compare",
    "exposures",
    "hand_in",
    "measured",
    "news",
    "results",
    "retrain",
    "run_batch",
    "steps",
    "versions",
]
