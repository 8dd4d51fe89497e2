"""Shards that are split, merged, or changed in number lose nothing, read or not."""

import json
import time

import pytest
from botocore.exceptions import ClientError
from own_server import OwnServer
from ports import free_port
from waiting import eventually

IN_ORDER = """
import base64, json, os
import boto3

dynamodb = boto3.client("dynamodb")


def handler(event, context):
    for record in event["Records"]:
        body = json.loads(base64.b64decode(record["kinesis"]["data"]))
        dynamodb.update_item(
            TableName=os.environ["TABLE"], Key={"id": {"S": body["user"]}},
            UpdateExpression="SET seen = list_append(if_not_exists(seen, :none), :one)",
            ExpressionAttributeValues={":none": {"L": []}, ":one": {"L": [{"N": str(body["id"])}]}},
        )
"""


def put(kinesis, stream, names):
    for name in names:
        kinesis.put_record(StreamName=stream, Data=name.encode(), PartitionKey=name)


def read(kinesis, stream):
    """All records of all shards, as a program reads them that follows each shard to its end."""
    found = []
    for shard in kinesis.list_shards(StreamName=stream)["Shards"]:
        asked = {"StreamName": stream, "ShardId": shard["ShardId"], "ShardIteratorType": "TRIM_HORIZON"}
        answer = kinesis.get_records(ShardIterator=kinesis.get_shard_iterator(**asked)["ShardIterator"])
        found += [record["Data"].decode() for record in answer["Records"]]
        assert ("NextShardIterator" in answer) == ("EndingSequenceNumber" not in shard["SequenceNumberRange"])
    return sorted(found)


@pytest.fixture
def kinesis(client, request):
    name = request.node.name[:100]
    client("kinesis").create_stream(StreamName=name, ShardCount=2)
    yield client("kinesis"), name
    client("kinesis").delete_stream(StreamName=name)


def reshard(kinesis, stream, how):
    if how == "split":
        quarter = {"ShardToSplit": "shardId-000000000000", "NewStartingHashKey": str(2**126)}
        kinesis.split_shard(StreamName=stream, **quarter)
    elif how == "merge":
        pair = {"ShardToMerge": "shardId-000000000000", "AdjacentShardToMerge": "shardId-000000000001"}
        kinesis.merge_shards(StreamName=stream, **pair)
    else:
        kinesis.update_shard_count(StreamName=stream, TargetShardCount=int(how), ScalingType="UNIFORM_SCALING")


@pytest.mark.parametrize(("how", "count"), [("split", 3), ("merge", 1), ("4", 4), ("3", 3), ("1", 1)])
def test_what_was_put_before_and_after_is_there(kinesis, how, count):
    client, stream = kinesis
    put(client, stream, "abcdefgh")
    reshard(client, stream, how)
    put(client, stream, "ijklmnop")
    assert read(client, stream) == sorted("abcdefghijklmnop")
    assert client.describe_stream_summary(StreamName=stream)["StreamDescriptionSummary"]["OpenShardCount"] == count


def test_a_mapping_gets_every_record_once_and_each_users_in_order(client, pipeline):
    line = pipeline(shards=2, source=IN_ORDER, BatchSize=10, FunctionResponseTypes=[])
    for n, how in enumerate(["split", "4", "5", "3"]):
        line.put({"id": 20 * n + turn, "user": f"u{user}"} for turn in range(20) for user in range(8))
        reshard(client("kinesis"), line.stream, how)

    def seen():
        items = client("dynamodb").scan(TableName=line.table)["Items"]
        return {item["id"]["S"]: [int(each["N"]) for each in item["seen"]["L"]] for item in items}

    eventually(lambda: sum(map(len, seen().values())) >= 8 * 80)
    assert seen() == {f"u{user}": list(range(80)) for user in range(8)}


@pytest.mark.parametrize(
    ("ask", "request_of"),
    [
        ("split_shard", {"ShardToSplit": "shardId-000000000000", "NewStartingHashKey": "7"}),
        ("merge_shards", {"ShardToMerge": "shardId-000000000002", "AdjacentShardToMerge": "shardId-000000000001"}),
        ("update_shard_count", {"TargetShardCount": 7, "ScalingType": "UNIFORM_SCALING"}),
        ("update_shard_count", {"TargetShardCount": 1, "ScalingType": "UNIFORM_SCALING"}),
    ],
)
def test_a_closed_shard_no_neighbours_or_too_great_a_step_is_refused(kinesis, ask, request_of):
    client, stream = kinesis
    reshard(client, stream, "split")
    with pytest.raises(ClientError, match=r"already been|not an adjacent|up over double|down below half"):
        getattr(client, ask)(StreamName=stream, **request_of)


def test_a_template_changes_the_number_of_shards(client):
    def template(shards):
        properties = {"Name": "grown", "ShardCount": shards}
        return json.dumps({"Resources": {"S": {"Type": "AWS::Kinesis::Stream", "Properties": properties}}})

    client("cloudformation").create_stack(StackName="grown", TemplateBody=template(1))
    put(client("kinesis"), "grown", "abcd")
    client("cloudformation").update_stack(StackName="grown", TemplateBody=template(2))
    summary = client("kinesis").describe_stream_summary(StreamName="grown")["StreamDescriptionSummary"]
    assert summary["OpenShardCount"] == 2
    assert read(client("kinesis"), "grown") == list("abcd")
    client("cloudformation").delete_stack(StackName="grown")


@pytest.fixture
def server(tmp_path):
    own = OwnServer(free_port(), tmp_path / "state")
    own.start()
    yield own
    own.stop()


def test_what_was_put_after_a_change_survives_a_kill(server):
    kinesis = server.client("kinesis")
    kinesis.create_stream(StreamName="killed", ShardCount=2)
    server.saved_after(time.time())
    put(kinesis, "killed", "abcd")
    reshard(kinesis, "killed", "4")
    put(kinesis, "killed", "efgh")
    server.kill()
    server.start()
    assert read(kinesis, "killed") == list("abcdefgh")
