"""Queues of a state that is taken up at another port."""

import json
import time

import pytest
from own_server import OwnServer
from ports import free_port
from stream_pipeline import function
from waiting import eventually

READER = """
import os
import boto3


def handler(event, context):
    for record in event["Records"]:
        boto3.client("ssm").put_parameter(Name="/read", Value=record["body"], Type="String")
"""
TEMPLATE = {
    "Resources": {"Queue": {"Type": "AWS::SQS::Queue", "Properties": {"QueueName": "of-a-stack"}}},
    "Outputs": {"Url": {"Value": {"Ref": "Queue"}}},
}


@pytest.fixture
def moved(tmp_path):
    """`moved()`: a server with the state of the one before, at another port."""
    servers = []

    def started():
        for before in servers:
            before.stop()
        servers.append(OwnServer(free_port(), tmp_path / "state"))
        servers[-1].start()
        return servers[-1]

    yield started
    servers[-1].stop()


def test_a_queue_has_the_address_of_the_server_that_answers(moved):
    before = moved()
    sqs, stacks = before.client("sqs"), before.client("cloudformation")
    url = sqs.create_queue(QueueName="own")["QueueUrl"]
    text = json.dumps({"url": url})
    sqs.send_message(QueueUrl=url, MessageBody=text)
    stacks.create_stack(StackName="queues", TemplateBody=json.dumps(TEMPLATE))
    stacks.get_waiter("stack_create_complete").wait(StackName="queues", WaiterConfig={"Delay": 1})
    before.saved_after(time.time())

    after = moved()
    sqs, stacks, here = after.client("sqs"), after.client("cloudformation"), f"http://localhost:{after.port}/"
    assert all(each.startswith(here) for each in sqs.list_queues()["QueueUrls"])
    assert sqs.create_queue(QueueName="own")["QueueUrl"] == url.replace(f":{before.port}/", f":{after.port}/")
    assert [each["Body"] for each in sqs.receive_message(QueueUrl=url)["Messages"]] == [text]
    (stack,) = stacks.describe_stacks(StackName="queues")["Stacks"]
    assert stack["Outputs"][0]["OutputValue"].startswith(here)

    stacks = moved().client("cloudformation")
    stacks.delete_stack(StackName="queues")
    stacks.get_waiter("stack_delete_complete").wait(StackName="queues", WaiterConfig={"Delay": 1})
    assert len(moved().client("sqs").list_queues()["QueueUrls"]) == 1


def test_a_function_goes_on_to_read_its_queue(moved):
    before = moved()
    url = before.client("sqs").create_queue(QueueName="read")["QueueUrl"]
    function(before.client, "reader", READER)
    arn = before.client("sqs").get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    before.client("lambda").create_event_source_mapping(FunctionName="reader", EventSourceArn=arn)
    before.saved_after(time.time())

    after = moved()
    after.client("sqs").send_message(QueueUrl=url, MessageBody="later")
    found = eventually(lambda: after.client("ssm").get_parameters(Names=["/read"])["Parameters"])
    assert found[0]["Value"] == "later"
