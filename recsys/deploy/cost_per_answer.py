"""What a million recommendations cost, by the way in which they are asked for."""

from recsys.deploy import costs
from recsys.deploy.prices import Prices
from recsys.deploy.walkthrough import JOB_SECONDS

MILLION = 1_000_000
SERVERLESS_GB = 2.0


def usd_per_million(
    instance: str,
    instances: int,
    endpoint_ms: float,
    transform_seconds: float,
    transform_users: int,
    prices: Prices,
) -> dict[str, float]:
    """USD of a million answers, by way; what stands at one request a second, the least a campaign provides.

    endpoint_ms: of an answer, for the serverless one, and for an endpoint that is asked without a pause by one client.
    A transform's time is scaled to a million users, after the minutes billed of a small job. Raises ParamsError for an
    instance without a price.
    """
    hour = costs.endpoint(instance, instances, prices).hour
    million = MILLION / 3600
    return {
        "campaign, 1 request a second": 1000 * prices.personalize.requests_1000,
        "endpoint, 1 request a second": hour * million,
        "endpoint, one client always asking": hour * million * endpoint_ms / 1000,
        "serverless endpoint": costs.serverless(SERVERLESS_GB, endpoint_ms, MILLION, prices).per_million,
        "batch transform": costs.job(instance, JOB_SECONDS + transform_seconds * MILLION / transform_users, prices),
    }
