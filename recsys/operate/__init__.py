"""What is done with a system that stands."""

from recsys.operate.batch import results, run_batch
from recsys.operate.experiments import Verdict, compare, exposures
from recsys.operate.retraining import retrain

__all__ = ["Verdict", "compare", "exposures", "results", "retrain", "run_batch"]
