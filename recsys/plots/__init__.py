"""One function per figure: tables in, a `Figure` of PNG and alt text out; for notebooks and pages alike."""

from recsys.plots.beyond_accuracy import by_activity, popularity_bias
from recsys.plots.costs import usd_a_day
from recsys.plots.data import events_per_day, events_per_user_and_item, hour_of_week, popularity_curve, sessions
from recsys.plots.drift import drift_by_week
from recsys.plots.experiments import experiment_result, lift_so_far, smallest_lift
from recsys.plots.monitoring import request_timeline, vital_signs
from recsys.plots.quality import cold_start_over_time, quality_report, split_timeline
from recsys.plots.retraining import answers_meanwhile, retraining_steps, retraining_verdict
from recsys.plots.sagemaker import latency_compared, scraped_metrics, usd_per_million
from recsys.plots.serving import before_after, latency_histogram, replay_hit_rate, stream_lag
from recsys.plots.style import Figure
from recsys.plots.training import metric_bars, tuning_trials

__all__ = [
    "Figure",
    "answers_meanwhile",
    "before_after",
    "by_activity",
    "cold_start_over_time",
    "drift_by_week",
    "events_per_day",
    "events_per_user_and_item",
    "experiment_result",
    "hour_of_week",
    "latency_compared",
    "latency_histogram",
    "lift_so_far",
    "metric_bars",
    "popularity_bias",
    "popularity_curve",
    "quality_report",
    "replay_hit_rate",
    "request_timeline",
    "retraining_steps",
    "retraining_verdict",
    "scraped_metrics",
    "sessions",
    "smallest_lift",
    "split_timeline",
    "stream_lag",
    "tuning_trials",
    "usd_a_day",
    "usd_per_million",
    "vital_signs",
]
