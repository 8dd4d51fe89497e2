"""CloudWatch and CloudWatch Logs: alarms that fire by themselves, and what they and the metrics need for it.

MiniStack looks at an alarm only when somebody puts data or the alarm, takes alarms and values that could never be
judged, keeps every point of a metric for two weeks, knows nothing of queues or of metrics in log lines, and finds log
lines whatever their case and whatever is asked of their JSON fields.

alarms              alarms looked at every second, by their own dimensions
validation          what CloudWatch refuses of an alarm and of metric data
notifications       what an alarm tells its topics, and whether it may
datapoints          equal points of a metric kept as one, with a count
queue_metrics       SQS's metrics, which tell how full queues are
embedded_metrics    metrics in log lines, in the embedded metric format
log_events          the eventId of a log event that is found, and each event kept once
filter_patterns     which log events a pattern finds
json_patterns       patterns of JSON fields
metric_filters      metrics of the log lines that a pattern finds
"""

from recsys.local.aws.cloudwatch import (
    alarms,
    datapoints,
    embedded_metrics,
    filter_patterns,
    log_events,
    metric_filters,
    notifications,
    validation,
)


def install() -> None:
    """Change how alarms, points and log lines are put, looked at and told of; in any order."""
    alarms.install()
    validation.install()
    notifications.install()
    datapoints.install()
    embedded_metrics.install()
    log_events.install()
    filter_patterns.install()
    metric_filters.install()
