"""Asynchronous calls wait for their function, a rule's call is one of them, and a call may outlive its function."""

import contextlib
import json
import threading

import pytest
from stream_pipeline import function
from waiting import eventually

# Counts its calls and those it came to the end of; the first `failures` calls fail.
COUNTING = """
import json, os, time
import boto3

dynamodb = boto3.client("dynamodb")


def handler(event, context):
    update = {"TableName": os.environ["TABLE"], "Key": {"id": {"S": "calls"}}, "ReturnValues": "ALL_NEW"}
    values = {"ExpressionAttributeValues": {":one": {"N": "1"}}, "UpdateExpression": "ADD calls :one"}
    calls = int(dynamodb.update_item(**update, **values)["Attributes"]["calls"]["N"])
    time.sleep(event.get("sleep", 0))
    if calls <= event.get("failures", 0):
        raise ValueError(f"call {calls}")
    values["UpdateExpression"] = "ADD done :one"
    dynamodb.update_item(**update, **values)
"""


@pytest.fixture
def counting(client, request):
    """A function that counts its calls and how many of them were done, both answered by `counting()`."""
    name = request.node.name[:50]
    client("dynamodb").create_table(
        TableName=name,
        AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
        KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
        BillingMode="PAY_PER_REQUEST",
    )
    function(client, name, COUNTING, {"TABLE": name})

    def counted():
        item = client("dynamodb").get_item(TableName=name, Key={"id": {"S": "calls"}}).get("Item", {})
        return tuple(int(item.get(key, {"N": "0"})["N"]) for key in ("calls", "done"))

    counted.name = name
    yield counted
    with contextlib.suppress(client("lambda").exceptions.ResourceNotFoundException):
        client("lambda").delete_function(FunctionName=name)
    client("dynamodb").delete_table(TableName=name)


def test_a_call_waits_for_the_one_before_and_is_not_lost(client, counting):
    functions = client("lambda")
    functions.put_function_concurrency(FunctionName=counting.name, ReservedConcurrentExecutions=1)
    functions.put_function_event_invoke_config(FunctionName=counting.name, MaximumRetryAttempts=0)
    for _ in range(3):
        functions.invoke(FunctionName=counting.name, InvocationType="Event", Payload='{"sleep": 0.5}')
    eventually(lambda: counting() == (3, 3))


def test_a_rules_call_that_fails_is_tried_again(client, counting):
    events = client("events")
    events.put_rule(Name=counting.name, EventPattern=json.dumps({"source": [counting.name]}))
    arn = client("lambda").get_function_configuration(FunctionName=counting.name)["FunctionArn"]
    target = {"Id": "function", "Arn": arn, "Input": json.dumps({"failures": 1})}
    events.put_targets(Rule=counting.name, Targets=[target])
    events.put_events(Entries=[{"Source": counting.name, "DetailType": "due", "Detail": "{}"}])
    eventually(lambda: counting() == (2, 1))
    events.remove_targets(Rule=counting.name, Ids=["function"])
    events.delete_rule(Name=counting.name)


def test_a_call_that_outlives_its_function_ends_and_brings_no_log_group_back(client, counting):
    group = f"/aws/lambda/{counting.name}"
    client("logs").create_log_group(logGroupName=group)
    last = {"FunctionName": counting.name, "Payload": '{"sleep": 1}'}
    calling = threading.Thread(target=client("lambda").invoke, kwargs=last)
    calling.start()
    eventually(lambda: counting() == (1, 0))
    client("lambda").delete_function(FunctionName=counting.name)
    client("logs").delete_log_group(logGroupName=group)
    calling.join()
    assert counting() == (1, 1)
    assert client("logs").describe_log_groups(logGroupNamePrefix=group)["logGroups"] == []
