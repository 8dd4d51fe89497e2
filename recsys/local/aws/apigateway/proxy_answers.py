"""What a caller gets where a function fails, or gives what is no answer of a Lambda proxy: a 502 that tells nothing.

An answer is a status code, headers and a text. MiniStack gives a 200 for anything else, or tells the stack trace.
"""

import json
import logging

from ministack.services import apigateway_v1

ENVELOPE = {"statusCode", "headers", "multiValueHeaders", "body", "isBase64Encoded"}  # of a Lambda proxy's answer
FAILED = "Internal server error"

logger = logging.getLogger(__name__)


def install() -> None:
    """Take the place of MiniStack's reading of an answer."""
    apigateway_v1._lambda_proxy_response = _well_formed


def _well_formed(result: dict) -> tuple[dict | None, str | None]:
    """The answer a function gave, or what the caller is told instead."""
    answer = result.get("body")
    if result.get("throttle"):
        return {"statusCode": 429, "body": json.dumps(answer)}, None
    if result.get("error"):
        return None, FAILED
    body, status = (answer.get("body"), str(answer.get("statusCode", 200))) if isinstance(answer, dict) else (0, "")
    if not isinstance(body or "", str) or not status.isdigit() or answer.keys() - ENVELOPE:
        logger.warning("no answer of a Lambda proxy, so a 502: %.200s", json.dumps(answer, default=str))
        return None, FAILED
    return {**answer, "statusCode": int(status), "body": body or ""}, None
