"""What is done with a system that stands."""

from recsys.operate.batch import results, run_batch
from recsys.operate.experiments import Verdict, compare, lifts_seen, so_far
from recsys.operate.exposures import exposures
from recsys.operate.retraining import retrain

__all__ = ["Verdict", "compare", "exposures", "lifts_seen", "results", "retrain", "run_batch", "so_far"]
