"""What is done with a system that stands."""

from recsys.operate.retraining import retrain

__all__ = ["retrain"]
