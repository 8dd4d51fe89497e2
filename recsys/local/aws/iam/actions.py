"""IAM actions that MiniStack does not know by the names AWS checks them under, and those of services' deliveries.

- Batches of SQS are checked as the single operation: SendMessageBatch as sqs:SendMessage.
- PartiQL in DynamoDB is checked statement by statement, as dynamodb:PartiQLUpdate on the table it names.
Source: the Service Authorization Reference of both services.
"""

import json
import re
from collections.abc import Callable, Iterable

from ministack.core import iam_actions

STATEMENTS = {
    "dynamodb:BatchExecuteStatement": "Statements",
    "dynamodb:ExecuteTransaction": "TransactStatements",
    "dynamodb:ExecuteStatement": None,
}
STATEMENT = re.compile(
    r'\s*(?:(SELECT)\b.*?\bFROM|(INSERT)\s+INTO|(UPDATE)|(DELETE)\s+FROM)\s+"?([\w.-]+)', re.IGNORECASE | re.DOTALL
)

# What a service that delivers to a resource asks for, by the resource's service.
DELIVERIES = {
    "events": "events:PutEvents",
    "kinesis": "kinesis:PutRecord",
    "lambda": "lambda:InvokeFunction",
    "s3": "s3:PutObject",
    "sns": "sns:Publish",
    "sqs": "sqs:SendMessage",
    "states": "states:StartExecution",
}

Checks = Callable[[str, bytes, str, str], list[tuple[str, str]]]


def install() -> None:
    """Put the names right."""
    iam_actions.extract_iam_action = _without_batch(iam_actions.extract_iam_action)
    iam_actions.dynamodb_transaction_checks = _and_partiql(iam_actions.dynamodb_transaction_checks)


def _without_batch(extract: Callable[..., str | None]) -> Callable[..., str | None]:
    """MiniStack's asks for sqs:SendMessageBatch, which no policy of AWS's knows; here for sqs:SendMessage."""

    def extracted(service: str, *request: object) -> str | None:
        action = extract(service, *request)
        return action.removesuffix("Batch") if action and service == "sqs" else action

    return extracted


def _and_partiql(checks: Checks) -> Checks:
    """MiniStack's knows the parts of transactions only; here each PartiQL statement is checked on its table too."""

    def checked(action: str, body: bytes, region: str, account: str) -> list[tuple[str, str]]:
        if action not in STATEMENTS:
            return checks(action, body, region, account)
        document = json.loads(body or b"{}")
        member = STATEMENTS[action]
        texts = [each["Statement"] for each in (document.get(member, []) if member else [document])]
        arn = f"arn:aws:dynamodb:{region}:{account}:table/"
        return sorted({(f"dynamodb:PartiQL{verb}", arn + table) for verb, table in _asked(texts)})

    return checked


def _asked(texts: Iterable[str]) -> Iterable[tuple[str, str]]:
    """The verb and the table of each statement; a text that is none is refused by DynamoDB itself."""
    for text in texts:
        if found := STATEMENT.match(text):
            *verbs, table = found.groups()
            yield next(filter(None, verbs)).capitalize(), table
