"""From a trained campaign to a deployed system, and back to nothing."""

from recsys.deploy.api import get, in_short, latencies, post, recommendations_url, similar_items_url, table, visits
from recsys.deploy.asking import requests_meanwhile
from recsys.deploy.cost_per_answer import usd_per_million
from recsys.deploy.fallback import popular_items, publish_popular
from recsys.deploy.parameters import (
    experiment_parameters,
    experiments_parameters,
    filter_parameters,
    name_parameters,
    retraining_parameters,
)
from recsys.deploy.stack import api_function, delete, deploy, describe

__all__ = [
    "api_function",
    "delete",
    "deploy",
    "describe",
    "experiment_parameters",
    "experiments_parameters",
    "filter_parameters",
    "get",
    "in_short",
    "latencies",
    "name_parameters",
    "popular_items",
    "post",
    "publish_popular",
    "recommendations_url",
    "requests_meanwhile",
    "retraining_parameters",
    "similar_items_url",
    "table",
    "usd_per_million",
    "visits",
]
