"""The template's parameters: which change the bill and how, which do not, and which have no price."""

from collections.abc import Mapping

from recsys.deploy import template
from recsys.deploy.demand import ANSWER_GB, BATCHES, EVENT_GB, Demand, Line, used
from recsys.deploy.prices import Prices
from recsys.params import Params

# Those that the params know by a name of their own.
SIZES = {
    "ShardCount": "stream.shard_count",
    "StreamRetentionHours": "stream.retention_hours",
    "BatchSize": "stream.batch_size",
    "MinProvisionedTPS": "serving.min_provisioned_tps",
    "RetrainingSchedule": "retraining.retrain_schedule",
}
PRICED = {
    *SIZES,
    *("StreamMode", "ProfilesBillingMode", "CacheClusterSize", "AccessLogs", "AuditData", "Tracing"),
    *("Experiments", "RankingCampaignArn"),
}
# Names, keys, limits and thresholds; what was made elsewhere and is billed there; alarms, which are always counted; a
# schedule of the batch, which does each day once.
FREE = {
    *("EnvironmentSuffix", "DatasetGroupName", "SolutionName", "CampaignName", "LambdaFunctionName", "APIName"),
    *("TrackingId", "CampaignArn", "SimilarItemsCampaignArn", "EndpointName"),
    *("SolutionVersionArn", "Filters", "ExperimentCampaignArns", "ReservedConcurrency", "ProfileDays", "AllowedOrigin"),
    *("ApiAuthorizer", "ApiKeyRequired", "KeyRateLimit", "KeyDailyQuota", "ApiRateLimit", "ApiBurstLimit"),
    *("AlarmEmail", "WatchingKey", "GuardingKey", "PermittingKey", "RetrainingKey", "CodeBucket"),
    *("StreamProcessorCodeKey", "RecommendationApiCodeKey", "BatchProcessorCodeKey"),
    *("BatchSchedule", "BatchActiveDays", "ModelMaxAgeDays", "RetrainingTolerance"),
}
ACCESS_LOG_GB = 300e-9  # of a request's line
WAYS = template.TEMPLATE.with_name("endpoints.yaml")


def sizes(parameters: Mapping[str, str]) -> list[str]:
    """The same as settings of the params, where these have them: `stream.shard_count=2`."""
    return [f"{SIZES[name]}={value or 'null'}" for name, value in parameters.items() if name in SIZES]


def options(values: Params, demand: Demand, prices: Prices) -> list[Line]:
    """A line for each thing that is not there by default, and for each parameter whose price is not known.

    Raises ParamsError for a size of the cache that has no price.
    """
    found = [Line(name, "no price of it is known", unpriced=name) for name in _unpriced(demand.parameters)]
    if size := demand.chosen("CacheClusterSize"):
        found.append(Line("response cache", f"{size} GB", hour=prices.apigateway.cache(size)))
    if demand.chosen("AccessLogs") == "true":
        logged = ACCESS_LOG_GB * prices.cloudwatch.log_gb
        found.append(used("access logs", "300 bytes a call", demand.requests, logged, "requests"))
    if demand.chosen("AuditData") == "true":
        found.append(_trail(values, demand, prices))
    if demand.zones:
        found.append(_private_ways(demand, prices))
    return found


def _unpriced(parameters: Mapping[str, str]) -> list[str]:
    """What is neither priced nor known to cost nothing, and not left at its default."""
    others = sorted(template.parameters() & parameters.keys() - PRICED - FREE)
    return [name for name in others if parameters[name] != template.defaults()[name]]


def _trail(values: Params, demand: Demand, prices: Prices) -> Line:
    """Of every call that touches data: one a batch of events and at most one an event, and one a user each day."""
    million = prices.cloudtrail.data_events_million
    each = 1 + 1 / values.stream.batch_size
    calls = each * demand.events + BATCHES * demand.users
    billed = {"demand": calls * million / 1e6, "per_million": each * million, "million": "events"}
    return Line("trail of data events", "at most", **billed)


def _private_ways(demand: Demand, prices: Prices) -> Line:
    """The interfaces of endpoints.yaml, one in each zone; its ways to S3 and DynamoDB cost nothing."""
    every = template.content(WAYS)["Resources"].values()
    ways = sum(each["Properties"].get("VpcEndpointType") == "Interface" for each in every)
    carried = demand.events * EVENT_GB + demand.requests * ANSWER_GB
    billed = {"hour": ways * demand.zones * prices.vpc.endpoint_hour, "demand": carried * prices.vpc.endpoint_gb}
    return Line("VPC endpoints", f"{ways} in {demand.zones} zones", **billed)
