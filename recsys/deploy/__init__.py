"""From a trained campaign to a deployed system, and back to nothing."""

from recsys.deploy.api import (
    get,
    in_short,
    latencies,
    narrowing,
    post,
    recommendations_url,
    similar_items_url,
    table,
    visits,
)
from recsys.deploy.asking import requests_meanwhile
from recsys.deploy.cost_per_answer import usd_per_million
from recsys.deploy.fallback import popular_items, publish_popular
from recsys.deploy.parameters import (
    filter_parameters,
    name_parameters,
    retraining_parameters,
    running_experiments,
    variant_parameters,
)
from recsys.deploy.stack import api_function, delete, deploy, describe

__all__ = [
    "api_function",
    "delete",
    "deploy",
    "describe",
    "filter_parameters",
    "get",
    "in_short",
    "latencies",
    "name_parameters",
    "narrowing",
    "popular_items",
    "post",
    "publish_popular",
    "recommendations_url",
    "requests_meanwhile",
    "retraining_parameters",
    "running_experiments",
    "similar_items_url",
    "table",
    "usd_per_million",
    "variant_parameters",
    "visits",
]
