"""The account's calls at once: AWS's default of 1,000, less what functions reserve, of which 100 stay for the others.

MiniStack tells how many it runs at once here, 48, which the memory of this machine decides (host.py), and lets a
function reserve any share. A reserved share is not taken from the 48 here.
"""

import json
from typing import Any

from ministack.core.responses import error_response_json, json_response
from ministack.services import lambda_svc

from recsys.local.aws import MiniStackResponse

LIMIT, KEPT = 1000, 100
TOO_MUCH = (
    "Specified ReservedConcurrentExecutions for function decreases account's UnreservedConcurrentExecution below its "
    f"minimum value of [{KEPT}]."
)


def install() -> None:
    """Answer GetAccountSettings with AWS's limit, and let no function reserve what the others need."""
    stock, reserve = lambda_svc._get_account_settings, lambda_svc._put_function_concurrency

    def told() -> tuple:
        settings = json.loads(stock()[2])
        settings["AccountLimit"] |= {
            "ConcurrentExecutions": LIMIT,
            "UnreservedConcurrentExecutions": LIMIT - _reserved(),
        }
        return json_response(settings)

    def reserved(name: str, given: dict[str, Any]) -> MiniStackResponse:
        return refused(name, given.get("ReservedConcurrentExecutions")) or reserve(name, given)

    lambda_svc._get_account_settings = told
    lambda_svc._put_function_concurrency = reserved


def refused(function: str, share: int | str | None) -> MiniStackResponse | None:
    """Lambda's refusal of a function's share; None where it may reserve it."""
    if share is None or LIMIT - _reserved(besides=function) - int(share) >= KEPT:
        return None
    return error_response_json("InvalidParameterValueException", TOO_MUCH, 400)


def _reserved(besides: str = "") -> int:
    shares = (each.get("concurrency") or 0 for name, each in lambda_svc._functions.items() if name != besides)
    return sum(map(int, shares))
