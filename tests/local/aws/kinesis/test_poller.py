"""The event source mapping against a real stream, function, table and queue."""

import contextlib
import json
import os
import signal
import time

import pytest
from botocore.exceptions import ClientError
from stream_pipeline import HANDLER, function
from waiting import eventually

EVENTS, POISON = 2000, 20


def events(**extra):
    """2,000 event bodies, every hundredth poison."""
    return [{"id": n, **extra, **({"poison": "report"} if n % 100 == 7 else {})} for n in range(EVENTS)]


def good_ids():
    return sorted(str(n) for n in range(EVENTS) if n % 100 != 7)


def all_given_up(line, count):
    return eventually(lambda: len(line.given_up_ever()) == count and line.given_up_ever())


def test_of_2000_events_the_20_poison_ones_reach_the_queue_and_the_others_the_table(pipeline):
    line = pipeline(shards=4, BatchSize=100, MaximumRetryAttempts=1, BisectBatchOnFunctionError=True)
    line.put(events())
    told = all_given_up(line, POISON)
    assert [one["KinesisBatchInfo"]["batchSize"] for one in told] == [1] * POISON
    assert eventually(lambda: sorted(line.stored()) == good_ids())


def test_a_worker_killed_half_way_loses_nothing(pipeline):
    line = pipeline(shards=4, BatchSize=50, MaximumRetryAttempts=3, BisectBatchOnFunctionError=True)
    line.put(events(sleep=0.002))
    killed = [eventually(lambda seen=seen: len(line.stored()) >= seen and kill_one(line)) for seen in (100, 400, 700)]
    assert len(line.stored()) < EVENTS - POISON, f"all was done before {killed} were killed"
    told = all_given_up(line, POISON)
    assert [one["KinesisBatchInfo"]["batchSize"] for one in told] == [1] * POISON
    assert eventually(lambda: sorted(line.stored()) == good_ids())


def kill_one(line):
    """The process number of a worker killed just now, or None where none was left to kill."""
    for worker in reversed(line.workers()):
        with contextlib.suppress(ProcessLookupError):
            os.kill(worker, signal.SIGKILL)
            return worker
    return None


def test_an_exception_is_bisected_to_the_one_record_that_caused_it(pipeline):
    line = pipeline(BatchSize=32, MaximumRetryAttempts=0, BisectBatchOnFunctionError=True)
    answers = line.put([{"id": n, **({"poison": "raise"} if n == 11 else {})} for n in range(32)])
    (told,) = all_given_up(line, 1)
    assert told["KinesisBatchInfo"]["startSequenceNumber"] == answers[11]["SequenceNumber"]
    assert told["requestContext"]["condition"] == "RetryAttemptsExhausted"
    assert told["responseContext"]["functionError"] == "Unhandled"
    assert eventually(lambda: len(line.stored()) == 31)


def test_without_bisect_the_batch_is_given_up_whole_after_its_retries(pipeline):
    line = pipeline(BatchSize=10, MaximumRetryAttempts=2, FunctionResponseTypes=[])
    line.put([{"id": n, **({"poison": "raise"} if n == 3 else {})} for n in range(10)])
    (told,) = all_given_up(line, 1)
    assert told["KinesisBatchInfo"]["batchSize"] == 10
    assert told["requestContext"]["approximateInvokeCount"] == 1 + 2


# Three retries, 0.1, 0.2 and 0.4 seconds apart, get past this.
LATE = HANDLER.replace(
    "def handler(event, context):\n",
    """begun = time.monotonic()


def handler(event, context):
    if time.monotonic() < begun + 0.5:
        raise RuntimeError("not yet")
""",
)


def test_records_that_arrive_meanwhile_do_not_use_a_batchs_retries_up(pipeline):
    line = pipeline(source=LATE, BatchSize=1, MaximumRetryAttempts=3)

    def arrived_and_ended() -> bool:
        for n in range(50):
            line.put([{"id": n}])
        return bool(line.stored() or line.given_up_ever())

    assert eventually(arrived_and_ended)
    assert line.given_up_ever() == []


def test_a_record_older_than_the_limit_is_given_up_though_retries_are_endless(pipeline):
    line = pipeline(MaximumRecordAgeInSeconds=1, MaximumRetryAttempts=-1)
    line.put([{"id": 1, "poison": "raise"}])
    (told,) = all_given_up(line, 1)
    assert told["requestContext"]["condition"] == "RecordAgeExceeded"


def test_the_records_of_a_shard_arrive_in_order(pipeline):
    line = pipeline(BatchSize=7, source=ORDERED)
    line.put([{"id": n} for n in range(100)])
    eventually(lambda: len(line.stored()) == 100)
    items = line.client("dynamodb").scan(TableName=line.table)["Items"]
    assert sorted(items, key=lambda item: item["at"]["N"]) == sorted(items, key=lambda item: int(item["id"]["S"]))


ORDERED = """
import base64, json, os, time
import boto3

dynamodb = boto3.client("dynamodb")


def handler(event, context):
    for record in event["Records"]:
        body = json.loads(base64.b64decode(record["kinesis"]["data"]))
        item = {"id": {"S": str(body["id"])}, "at": {"N": f"{time.time_ns()}"}}
        dynamodb.put_item(TableName=os.environ["TABLE"], Item=item)
"""


def test_latest_begins_with_what_comes_after_the_mapping(client, pipeline):
    line = pipeline(StartingPosition="TRIM_HORIZON")
    line.put([{"id": "old"}])
    eventually(lambda: line.stored() == ["old"])
    client("lambda").delete_event_source_mapping(UUID=line.uuid)
    made = line.map_again(StartingPosition="LATEST")
    made.put([{"id": "new"}])
    client("dynamodb").delete_item(TableName=line.table, Key={"id": {"S": "old"}})
    eventually(lambda: line.stored() == ["new"])


def test_at_timestamp_begins_with_what_arrived_since(client, pipeline):
    line = pipeline(StartingPosition="LATEST", Enabled=False)
    line.put([{"id": "before"}])
    time.sleep(1.1)  # the timestamp travels in whole seconds
    since = time.time()
    line.put([{"id": "after"}])
    client("lambda").delete_event_source_mapping(UUID=line.uuid)
    line.map_again(StartingPosition="AT_TIMESTAMP", StartingPositionTimestamp=since)
    eventually(lambda: line.stored() == ["after"])


def test_a_mapping_switched_off_and_on_goes_on_where_it_stopped(client, pipeline):
    line = pipeline()
    line.put([{"id": "1"}])
    eventually(lambda: line.stored() == ["1"])
    client("lambda").update_event_source_mapping(UUID=line.uuid, Enabled=False)
    client("dynamodb").delete_item(TableName=line.table, Key={"id": {"S": "1"}})
    line.put([{"id": "2"}])
    client("lambda").update_event_source_mapping(UUID=line.uuid, Enabled=True)
    eventually(lambda: line.stored() == ["2"])


def test_a_filter_keeps_records_from_the_function(pipeline):
    wanted = {"Filters": [{"Pattern": json.dumps({"data": {"kind": ["click"]}})}]}
    line = pipeline(FilterCriteria=wanted)
    line.put([{"id": n, "kind": "click" if n % 2 else "view"} for n in range(20)])
    eventually(lambda: sorted(map(int, line.stored())) == list(range(1, 20, 2)))


def test_a_bucket_as_destination_gets_the_records_too(client, pipeline):
    client("s3").create_bucket(Bucket="given-up")
    line = pipeline(MaximumRetryAttempts=0, DestinationConfig={"OnFailure": {"Destination": "arn:aws:s3:::given-up"}})
    line.put([{"id": 1, "poison": "report"}])
    key = eventually(lambda: client("s3").list_objects_v2(Bucket="given-up").get("Contents"))[0]["Key"]
    told = json.loads(client("s3").get_object(Bucket="given-up", Key=key)["Body"].read())
    assert key.startswith(f"aws/lambda/{line.uuid}/shardId-000000000000/")
    assert len(json.loads(told["payload"])["Records"]) == 1


def test_a_mapping_on_a_stream_has_the_defaults_of_a_stream(client, pipeline):
    line = pipeline()
    mapping = client("lambda").get_event_source_mapping(UUID=line.uuid)
    assert (mapping["BatchSize"], mapping["MaximumRetryAttempts"], mapping["BisectBatchOnFunctionError"]) == (
        100,
        -1,
        False,
    )


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({}, "mapping already exists. Please update or delete the existing mapping with UUID"),
        ({"EventSourceArn": "arn:aws:kinesis:us-east-1:000000000000:stream/none"}, "Stream not found"),
        ({"StartingPosition": None}, "Value null at 'startingPosition'"),
        ({"BatchSize": 10_001}, "Member must have value less than or equal to 10000"),
        ({"ParallelizationFactor": 11}, "Member must have value less than or equal to 10"),
    ],
)
def test_a_mapping_that_aws_refuses_is_refused_also_in_a_template(client, pipeline, changed, message):
    line = pipeline(Enabled=False)
    wanted = {"FunctionName": line.function, "EventSourceArn": line.stream_arn, "StartingPosition": "LATEST"} | changed
    wanted = {name: value for name, value in wanted.items() if value is not None}
    with pytest.raises(ClientError, match=message):
        client("lambda").create_event_source_mapping(**wanted)
    resources = {"M": {"Type": "AWS::Lambda::EventSourceMapping", "Properties": wanted}}
    cloudformation = client("cloudformation")
    cloudformation.create_stack(StackName="mapped", TemplateBody=json.dumps({"Resources": resources}))
    assert cloudformation.describe_stacks(StackName="mapped")["Stacks"][0]["StackStatus"] == "ROLLBACK_COMPLETE"
    cloudformation.delete_stack(StackName="mapped")


def test_the_iterator_age_is_measured(client, pipeline):
    line = pipeline()
    line.put([{"id": 1}])
    eventually(line.stored)
    dimensions = [{"Name": "FunctionName", "Value": line.function}]
    asked = {"Namespace": "AWS/Lambda", "MetricName": "IteratorAge", "Dimensions": dimensions}
    assert eventually(lambda: client("cloudwatch").list_metrics(**asked)["Metrics"])  # written after the records are


def test_a_shard_that_keeps_failing_does_not_hold_up_another_mapping(client, pipeline):
    pipeline(source="def handler(event, context):\n    raise RuntimeError('always')\n", shards=4).put(
        [{"id": n} for n in range(100)]
    )
    line = pipeline()
    line.put([{"id": 1}])
    eventually(lambda: line.stored() == ["1"])


def test_a_function_may_come_after_its_events(client, pipeline):
    line = pipeline()
    client("lambda").delete_function(FunctionName=line.function)
    line.put([{"id": 1}])
    function(client, line.function, HANDLER, {"TABLE": line.table})
    eventually(lambda: line.stored() == ["1"])
