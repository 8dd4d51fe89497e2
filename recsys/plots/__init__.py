"""One function per figure: tables in, a `Figure` of PNG and alt text out; for notebooks and pages alike."""

from recsys.plots.beyond_accuracy import accuracy_vs_coverage, by_activity, popularity_bias
from recsys.plots.data import events_per_day, events_per_user_and_item, hour_of_week, popularity_curve, sessions
from recsys.plots.quality import cold_start_over_time, quality_report, split_timeline
from recsys.plots.retraining import answers_meanwhile, retraining_steps, retraining_verdict
from recsys.plots.sagemaker import latency_compared, scraped_metrics, usd_per_million
from recsys.plots.serving import before_after, latency_histogram, pipeline_durations, replay_hit_rate, stream_lag
from recsys.plots.style import Figure
from recsys.plots.training import metric_at_k, metric_bars, tuning_trials

__all__ = [
    "Figure",
    "accuracy_vs_coverage",
    "answers_meanwhile",
    "before_after",
    "by_activity",
    "cold_start_over_time",
    "events_per_day",
    "events_per_user_and_item",
    "hour_of_week",
    "latency_compared",
    "latency_histogram",
    "metric_at_k",
    "metric_bars",
    "pipeline_durations",
    "popularity_bias",
    "popularity_curve",
    "quality_report",
    "replay_hit_rate",
    "retraining_steps",
    "retraining_verdict",
    "scraped_metrics",
    "sessions",
    "split_timeline",
    "stream_lag",
    "tuning_trials",
    "usd_per_million",
]
