"""What is done with a system that stands."""

from recsys.operate.batch import results, run_batch
from recsys.operate.drift import Drift, drift
from recsys.operate.experiments import Verdict, compare, smallest_lift, so_far
from recsys.operate.exposures import exposures
from recsys.operate.incoming import hand_in, news
from recsys.operate.monitoring import alarms, dashboard_address, failing, settled, vital_signs
from recsys.operate.rehearsal import rehearse
from recsys.operate.retraining import (
    false_refusal_rate,
    offline_metrics,
    retrain,
    serves,
    shown_items,
    steps,
    verdicts,
    version_tags,
    with_short_metric_names,
)
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
    "false_refusal_rate",
    "follow",
    "hand_in",
    "news",
    "offline_metrics",
    "rehearse",
    "results",
    "retrain",
    "run_batch",
    "serves",
    "settled",
    "shown_items",
    "smallest_lift",
    "so_far",
    "steps",
    "verdicts",
    "version_tags",
    "vital_signs",
    "with_short_metric_names",
]
