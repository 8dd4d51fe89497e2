"""What is done with a system that stands."""

from recsys.operate.batch import results, run_batch
from recsys.operate.drift import Drift, drift
from recsys.operate.experiments import Verdict, compare, smallest_lift, so_far
from recsys.operate.exposures import exposures
from recsys.operate.incoming import hand_in, news
from recsys.operate.monitoring import alarms, dashboard_address, failing, settled, vital_signs
from recsys.operate.rehearsal import rehearse
from recsys.operate.retraining import in_short, measured, refused_by_chance, retrain, shown_items, steps, versions
from recsys.operate.traces import Trace, follow

__all__ = [
    "Drift",
    "Trace",
    "Verdict",
    "alarms",
    "compare",
    "dashboard_address",
    "drift",
    "exposures",
    "failing",
    "follow",
    "hand_in",
    "in_short",
    "measured",
    "news",
    "refused_by_chance",
    "rehearse",
    "results",
    "retrain",
    "run_batch",
    "settled",
    "shown_items",
    "smallest_lift",
    "so_far",
    "steps",
    "versions",
    "vital_signs",
]
