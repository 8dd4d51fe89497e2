"""What Lambda tells of the account's calls at once: AWS's default of 1,000, less what functions reserve.

MiniStack tells how many it runs at once here, 48, which the memory of this machine decides (host.py). AWS would let
nobody reserve a share of so few, but a reserved share is not taken from the 48 here.
"""

import json

from ministack.core.responses import json_response
from ministack.services import lambda_svc

LIMIT = 1000


def install() -> None:
    """Answer GetAccountSettings with AWS's limit."""
    stock = lambda_svc._get_account_settings

    def told() -> tuple:
        settings = json.loads(stock()[2])
        reserved = sum(int(each.get("concurrency") or 0) for each in lambda_svc._functions.values())
        settings["AccountLimit"] |= {
            "ConcurrentExecutions": LIMIT,
            "UnreservedConcurrentExecutions": LIMIT - reserved,
        }
        return json_response(settings)

    lambda_svc._get_account_settings = told
