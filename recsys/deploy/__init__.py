"""From a trained campaign to a deployed system, and back to nothing."""

from recsys.deploy.answers import usd_per_million
from recsys.deploy.api import get, in_short, latencies, post, recommendations_url, similar_items_url, table, visits
from recsys.deploy.asking import asked
from recsys.deploy.fallback import popular_items, publish_popular
from recsys.deploy.parameters import experiment, experiments, filters, names, retraining
from recsys.deploy.stack import api_function, delete, deploy, describe

__all__ = [
    "api_function",
    "asked",
    "delete",
    "deploy",
    "describe",
    "experiment",
    "experiments",
    "filters",
    "get",
    "in_short",
    "latencies",
    "names",
    "popular_items",
    "post",
    "publish_popular",
    "recommendations_url",
    "retraining",
    "similar_items_url",
    "table",
    "usd_per_million",
    "visits",
]
