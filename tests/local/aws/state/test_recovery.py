"""What is there after the server was killed, or stopped, and started again."""

import json
import sqlite3
import time
from contextlib import closing

import boto3
import pytest
from botocore.exceptions import ClientError
from own_server import OwnServer
from ports import free_port
from stream_pipeline import build, function
from waiting import eventually

EVENTS = 480

# Counts every event of a user once, whatever is delivered twice: the last sequence number seen guards the counter.
COUNTING = """
import base64, json, os
import boto3

dynamodb = boto3.client("dynamodb")


def handler(event, context):
    for record in event["Records"]:
        sequence = record["kinesis"]["sequenceNumber"]
        user = json.loads(base64.b64decode(record["kinesis"]["data"]))["user"]
        try:
            dynamodb.update_item(
                TableName=os.environ["TABLE"], Key={"id": {"S": user}},
                UpdateExpression="ADD seen :one SET latest = :sequence",
                ConditionExpression="attribute_not_exists(latest) OR latest < :sequence",
                ExpressionAttributeValues={":one": {"N": "1"}, ":sequence": {"S": sequence}},
            )
        except dynamodb.exceptions.ConditionalCheckFailedException:
            pass
    return {"batchItemFailures": []}
"""


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    """One state through all these kills and stops: each test makes names of its own."""
    own = OwnServer(free_port(), tmp_path_factory.mktemp("recovery") / "state")
    own.start()
    yield own
    own.stop()


def counted(server, table):
    items = server.client("dynamodb").scan(TableName=table)["Items"]
    return sum(int(item["seen"]["N"]) for item in items)


def test_no_acknowledged_event_is_lost_or_counted_twice_when_the_server_is_killed(server):
    line = build(server.client, "counted", shards=4, source=COUNTING, BatchSize=50)
    server.saved_after(time.time())
    line.put([{"id": n, "user": f"u{n % 40}"} for n in range(EVENTS // 2)])
    for half in (1, 2):
        eventually(lambda half=half: counted(server, "counted") >= EVENTS // 8 * half)
        server.kill()
        server.start()
    assert "the last run was killed" in server.lines[-2]
    line.put([{"id": n, "user": f"u{n % 40}"} for n in range(EVENTS // 2)])
    assert eventually(lambda: counted(server, "counted") >= EVENTS and counted(server, "counted")) == EVENTS


def test_a_checkpoint_is_not_ahead_of_the_table_it_belongs_to(server):
    line = build(server.client, "ahead")
    server.saved_after(time.time())
    line.put([{"id": n} for n in range(50)])
    eventually(lambda: len(line.stored()) == 50)
    server.kill()  # most likely before the next save: the table forgets, and the stream must bring the events again
    server.start()
    eventually(lambda: len(line.stored()) == 50)


def test_what_was_done_long_before_the_kill_is_not_read_again(server):
    line = build(server.client, "before")
    line.put([{"id": n} for n in range(50)])
    eventually(lambda: len(line.stored()) == 50)
    server.saved_after(time.time())
    for n in range(50):
        server.client("dynamodb").delete_item(TableName="before", Key={"id": {"S": str(n)}})
    server.saved_after(time.time())
    server.kill()
    server.start()
    line.put([{"id": "new"}])
    eventually(lambda: line.stored() == ["new"])


def test_records_of_a_stream_keep_their_order_and_numbers_over_a_restart(server):
    kinesis = server.client("kinesis")
    kinesis.create_stream(StreamName="numbered", ShardCount=1)
    server.saved_after(time.time())
    before = [
        kinesis.put_record(StreamName="numbered", Data=b"x", PartitionKey="p")["SequenceNumber"] for _ in range(5)
    ]
    server.kill()
    server.start()
    before += [
        kinesis.put_record(StreamName="numbered", Data=b"x", PartitionKey="p")["SequenceNumber"] for _ in range(5)
    ]
    iterator = kinesis.get_shard_iterator(
        StreamName="numbered", ShardId="shardId-000000000000", ShardIteratorType="TRIM_HORIZON"
    )["ShardIterator"]
    found = [record["SequenceNumber"] for record in kinesis.get_records(ShardIterator=iterator)["Records"]]
    assert found == before == sorted(before)


def test_a_stream_made_anew_under_an_old_name_is_empty_also_after_a_restart(server):
    kinesis = server.client("kinesis")
    kinesis.create_stream(StreamName="anew", ShardCount=1)
    kinesis.put_record(StreamName="anew", Data=b"old", PartitionKey="p")
    kinesis.delete_stream(StreamName="anew")
    kinesis.create_stream(StreamName="anew", ShardCount=1)
    kinesis.put_record(StreamName="anew", Data=b"new", PartitionKey="p")
    server.stop()
    server.start()
    iterator = kinesis.get_shard_iterator(
        StreamName="anew", ShardId="shardId-000000000000", ShardIteratorType="TRIM_HORIZON"
    )["ShardIterator"]
    assert [record["Data"] for record in kinesis.get_records(ShardIterator=iterator)["Records"]] == [b"new"]


def test_everything_the_pipeline_uses_survives_a_clean_stop(server):
    line = build(server.client, "kept")
    s3, sns, ssm, iam = (server.client(name) for name in ("s3", "sns", "ssm", "iam"))
    cloudformation = server.client("cloudformation")
    template = json.dumps({"Resources": {"Topic": {"Type": "AWS::SNS::Topic", "Properties": {}}}})
    cloudformation.create_stack(StackName="kept", TemplateBody=template)
    server.saved_after(time.time())
    s3.create_bucket(Bucket="kept-bucket")
    s3.put_bucket_versioning(Bucket="kept-bucket", VersioningConfiguration={"Status": "Enabled"})
    for body in (b"one", b"two"):
        s3.put_object(Bucket="kept-bucket", Key="k", Body=body)
    topic = sns.create_topic(Name="kept")["TopicArn"]
    ssm.put_parameter(Name="/kept", Value="v", Type="String")
    iam.create_role(RoleName="kept", AssumeRolePolicyDocument="{}")
    api = server.client("apigateway").create_rest_api(name="kept")["id"]
    server.client("sqs").send_message(QueueUrl=line.queue_url, MessageBody="kept")
    server.saved_after(time.time())
    cloudformation.update_stack(StackName="kept", TemplateBody=template, Tags=[{"Key": "stage", "Value": "later"}])
    server.stop()
    server.start()
    assert "saved at a clean stop" in server.lines[-2]
    assert s3.get_object(Bucket="kept-bucket", Key="k")["Body"].read() == b"two"
    assert len(s3.list_object_versions(Bucket="kept-bucket")["Versions"]) == 2
    (stack,) = cloudformation.describe_stacks(StackName="kept")["Stacks"]
    assert (stack["StackStatus"], stack["Tags"]) == ("UPDATE_COMPLETE", [{"Key": "stage", "Value": "later"}])
    assert {"TopicArn": topic} in sns.list_topics()["Topics"]
    assert ssm.get_parameter(Name="/kept")["Parameter"]["Value"] == "v"
    assert iam.get_role(RoleName="kept")["Role"]["RoleName"] == "kept"
    assert server.client("apigateway").get_rest_api(restApiId=api)["name"] == "kept"
    messages = server.client("sqs").receive_message(QueueUrl=line.queue_url)["Messages"]
    assert [message["Body"] for message in messages] == ["kept"]
    line.put([{"id": 1}])
    eventually(lambda: line.stored() == ["1"])


SLOW = """
import os, time
import boto3


def handler(event, context):
    time.sleep(0.5)
    boto3.client("dynamodb").put_item(TableName=os.environ["TABLE"], Item={"id": {"S": str(event["n"])}})
"""


def test_calls_that_wait_at_a_clean_stop_are_made_and_what_is_cut_is_told(server):
    line = build(server.client, "waiting")
    function(server.client, "waiting-calls", SLOW, {"TABLE": line.table})
    server.client("lambda").put_function_concurrency(FunctionName="waiting-calls", ReservedConcurrentExecutions=1)
    definition = json.dumps({"StartAt": "W", "States": {"W": {"Type": "Wait", "Seconds": 600, "End": True}}})
    role = "arn:aws:iam::000000000000:role/none"
    states = server.client("stepfunctions")
    machine = states.create_state_machine(name="cut", roleArn=role, definition=definition)["stateMachineArn"]
    states.start_execution(stateMachineArn=machine)
    server.client("s3").create_bucket(Bucket="cut-bucket")
    server.client("s3").create_multipart_upload(Bucket="cut-bucket", Key="k")
    for n in range(4):
        payload = json.dumps({"n": n})
        server.client("lambda").invoke(FunctionName="waiting-calls", InvocationType="Event", Payload=payload)
    server.stop()
    server.start()
    cut = "nothing is lost but executions of state machines, which failed (1) and multipart uploads to S3 (1)"
    assert cut in server.health()["recovered"]["message"]
    eventually(lambda: sorted(line.stored()) == ["0", "1", "2", "3"])


def test_a_session_of_a_role_is_the_same_after_a_restart(server):
    document = json.dumps({"Version": "2012-10-17", "Statement": []})
    arn = server.client("iam").create_role(RoleName="lasting", AssumeRolePolicyDocument=document)["Role"]["Arn"]
    keys = server.client("sts").assume_role(RoleArn=arn, RoleSessionName="last")["Credentials"]
    server.stop()
    server.start()
    session = boto3.Session(keys["AccessKeyId"], keys["SecretAccessKey"], keys["SessionToken"], "us-east-1")
    endpoint = {"endpoint_url": f"http://127.0.0.1:{server.port}"}
    assert session.client("sts", **endpoint).get_caller_identity()["Arn"].endswith("assumed-role/lasting/last")
    with pytest.raises(ClientError, match="AccessDenied"):
        session.client("dynamodb", **endpoint).list_tables()


def test_a_killed_server_tells_how_old_the_recovered_state_is(server):
    server.client("ssm").put_parameter(Name="/killed", Value="v", Type="String")
    server.saved_after(time.time())
    saved_at = server.health()["autosave"]["saved_at"]
    server.kill()
    server.start()
    recovered = server.health()["recovered"]
    assert recovered["clean"] is False
    assert recovered["saved_at"] <= saved_at
    assert recovered["message"] in server.lines
    assert server.client("ssm").get_parameter(Name="/killed")["Parameter"]["Value"] == "v"


UNREADABLE = {"sns": "topics", "kinesis": "streams", "lambda": "functions"}


def rewrite(state, rows):
    """Put these rows in the place of all that is saved of their services; what was there."""
    with closing(sqlite3.connect(state / "state.sqlite")) as db, db:
        there = []
        for service in {row[0] for row in rows}:
            there += db.execute("DELETE FROM state WHERE service = ? RETURNING *", (service,)).fetchall()
        db.executemany("INSERT INTO state VALUES (?, ?, ?, ?, ?)", rows)
    return there


def test_what_cannot_be_restored_stays_on_disk_until_it_can(server):
    kinesis, sns = server.client("kinesis"), server.client("sns")
    topic = sns.create_topic(Name="unread")
    kinesis.create_stream(StreamName="unread", ShardCount=1)
    kinesis.put_record(StreamName="unread", Data=b"x", PartitionKey="p")
    function(server.client, "unread", "def handler(event, context): return 1")
    server.stop()
    unread = [(*names, "", "", '{"kind": "plain", "value": {"name": 1}}') for names in UNREADABLE.items()]
    there = rewrite(server.state, unread)
    server.start()
    assert set(server.health()["recovered"]["refused"]) == UNREADABLE.keys()
    sns.create_topic(Name="meanwhile")
    server.client("sqs").create_queue(QueueName="meanwhile")
    server.saved_after(time.time())
    server.stop()
    assert sorted(rewrite(server.state, there)) == sorted(unread)
    server.start()
    assert topic["TopicArn"] in [each["TopicArn"] for each in sns.list_topics()["Topics"]]
    assert server.client("lambda").invoke(FunctionName="unread")["Payload"].read() == b"1"
    iterator = kinesis.get_shard_iterator(
        StreamName="unread", ShardId="shardId-000000000000", ShardIteratorType="TRIM_HORIZON"
    )["ShardIterator"]
    assert [record["Data"] for record in kinesis.get_records(ShardIterator=iterator)["Records"]] == [b"x"]
