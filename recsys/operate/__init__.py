"""What is done with a system that stands."""

from recsys.operate.batch import results, run_batch
from recsys.operate.retraining import retrain

__all__ = ["results", "retrain", "run_batch"]
