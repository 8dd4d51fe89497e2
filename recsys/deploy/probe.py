"""Whether the functions of an updated stack still work: CloudFormation is content with code that cannot even start.

Each is asked something that changes nothing, directly and not through the API's address: it is not the network, a web
ACL or an authorizer that is in question, and only so does the function's own error come back.
"""

import json
from collections.abc import Mapping
from typing import Any

from recsys import aws
from recsys.errors import Refused

# By the output that names the function. None raises where the function works: its alarm of errors would ring. Code of
# the batch from before there were probes, which a stack may be held to by BatchProcessorCodeKey, finds no day and does
# nothing: it raises BadEvent, so it works.
QUESTIONS: dict[str, dict[str, Any]] = {
    "RecommendationApiFunctionName": {"httpMethod": "GET", "path": "/health", "headers": {}, "requestContext": {}},
    "StreamProcessorFunctionName": {"Records": []},
    "BatchProcessorFunctionName": {"probe": True, "date": ""},
}


def fault(before: Mapping[str, str], after: Mapping[str, str]) -> str | None:
    """The first function, of those that were there before, that answers with an error, and which; None: they work."""
    for output, question in QUESTIONS.items():
        if output in before and output in after and (error := _error(after[output], question)):
            return f"{after[output]} does not work: {error}"
    return None


def _error(function: str, question: Mapping[str, Any]) -> str | None:
    try:
        answer = aws.call(aws.client("lambda").invoke, FunctionName=function, Payload=json.dumps(question).encode())
    except Refused:
        return None  # busy, or we may not ask: neither says that it does not work
    body = json.loads(answer["Payload"].read() or b"null") or {}
    if body.get("errorType") == "BadEvent":
        return None
    if "FunctionError" in answer:
        return f"{body.get('errorType', answer['FunctionError'])}: {body.get('errorMessage', 'no message')}"
    status = body.get("statusCode", 200)
    return None if status == 200 else f"it answered {status}: {body.get('body', '')}"
