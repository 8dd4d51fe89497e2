"""Metrics that AWS's services record and MiniStack's do not, read back through CloudWatch."""

import json
import time

import pytest
from stream_pipeline import function
from waiting import eventually

EMF = {
    "_aws": {
        "Timestamp": 0,
        "CloudWatchMetrics": [
            {
                "Namespace": "Shop",
                "Dimensions": [["service"], ["service", "stage"]],
                "Metrics": [{"Name": "Sold", "Unit": "Count"}, {"Name": "Waited"}],
            }
        ],
    },
    "service": "till",
    "stage": "test",
    "Sold": 3,
    "Waited": [1.0, 2.0, 6.0],
}


@pytest.fixture
def total(client):
    """`total("AWS/SQS", "ApproximateAgeOfOldestMessage", QueueName="q")`: the last hour's statistics of a metric."""

    def of(namespace, name, **dimensions):
        found = client("cloudwatch").get_metric_statistics(
            Namespace=namespace,
            MetricName=name,
            Dimensions=[{"Name": key, "Value": value} for key, value in dimensions.items()],
            StartTime=time.time() - 3600,
            EndTime=time.time() + 60,
            Period=86400,
            Statistics=["Sum", "Maximum", "SampleCount"],
        )["Datapoints"]
        return found[0] if found else None

    return of


class TestAMetricInALogLine:
    @pytest.fixture
    def group(self, client):
        client("logs").create_log_group(logGroupName="emf")
        client("logs").create_log_stream(logGroupName="emf", logStreamName="s")
        yield "emf"
        client("logs").delete_log_group(logGroupName="emf")

    @pytest.fixture
    def put(self, client, group):
        def lines(*documents):
            now = int(time.time() * 1000)
            messages = [each if isinstance(each, str) else json.dumps(each) for each in documents]
            events = [{"timestamp": now, "message": message} for message in messages]
            client("logs").put_log_events(logGroupName=group, logStreamName="s", logEvents=events)

        return lines

    def test_is_recorded_once_for_each_set_of_dimensions(self, put, total):
        put({**EMF, "_aws": {**EMF["_aws"], "Timestamp": int(time.time() * 1000)}})
        assert total("Shop", "Sold", service="till")["Sum"] == 3
        waited = total("Shop", "Waited", service="till", stage="test")
        assert (waited["SampleCount"], waited["Maximum"]) == (3, 6)

    def test_that_breaks_the_format_is_a_line_and_nothing_else(self, put, total, client):
        put({**EMF, "Sold": "many"}, '{"_aws": {"CloudWatchMetrics"', {"_aws": {"CloudWatchMetrics": 3}})
        assert len(client("logs").get_log_events(logGroupName="emf", logStreamName="s")["events"]) == 3

    def test_is_read_from_what_a_function_prints(self, client, total):
        document = json.dumps({**EMF, "service": "printed"})
        source = f"import json, time\nDOC = json.loads({document!r})\n\n"
        source += "def handler(event, context):\n"
        source += "    DOC['_aws']['Timestamp'] = int(time.time() * 1000)\n    print(json.dumps(DOC))\n"
        function(client, "prints-metrics", source)
        client("lambda").invoke(FunctionName="prints-metrics", Payload=b"{}")
        eventually(lambda: total("Shop", "Sold", service="printed"), 10)
        client("lambda").delete_function(FunctionName="prints-metrics")


def test_a_queue_is_told_of_when_it_fills_and_when_it_is_empty_again(client, total):
    url = client("sqs").create_queue(QueueName="watched-queue")["QueueUrl"]
    for body in "abc":
        client("sqs").send_message(QueueUrl=url, MessageBody=body)
    name = "ApproximateNumberOfMessagesVisible"
    eventually(lambda: (total("AWS/SQS", name, QueueName="watched-queue") or {"Maximum": 0})["Maximum"] == 3, 10)
    before = total("AWS/SQS", name, QueueName="watched-queue")["SampleCount"]
    client("sqs").purge_queue(QueueUrl=url)
    eventually(lambda: total("AWS/SQS", name, QueueName="watched-queue")["SampleCount"] > before, 10)
    assert total("AWS/SQS", "ApproximateAgeOfOldestMessage", QueueName="watched-queue")["Maximum"] < 60
    client("sqs").delete_queue(QueueUrl=url)


def test_a_table_counts_the_units_it_is_asked_for(client, total):
    dynamodb = client("dynamodb")
    key = {"AttributeName": "id", "AttributeType": "S"}
    schema = [{"AttributeName": "id", "KeyType": "HASH"}]
    dynamodb.create_table(
        TableName="units", AttributeDefinitions=[key], KeySchema=schema, BillingMode="PAY_PER_REQUEST"
    )
    items = [{"id": {"S": str(number)}} for number in range(4)]
    dynamodb.batch_write_item(RequestItems={"units": [{"PutRequest": {"Item": item}} for item in items]})
    answer = dynamodb.put_item(TableName="units", Item={"id": {"S": "big"}, "text": {"S": "x" * 2000}})
    assert "ConsumedCapacity" not in answer
    dynamodb.batch_get_item(RequestItems={"units": {"Keys": items, "ConsistentRead": True}})
    dynamodb.get_item(TableName="units", Key=items[0])
    inserts = [f"INSERT INTO \"units\" VALUE {{'id': '{name}'}}" for name in ("new", "0")]
    dynamodb.batch_execute_statement(Statements=[{"Statement": text} for text in inserts])  # the second is refused
    assert total("AWS/DynamoDB", "ConsumedWriteCapacityUnits", TableName="units")["Sum"] == 4 + 2 + 2
    assert total("AWS/DynamoDB", "ConsumedReadCapacityUnits", TableName="units")["Sum"] == 4 + 0.5
    assert total("AWS/DynamoDB", "WriteThrottleEvents", TableName="units") is None
    dynamodb.delete_table(TableName="units")


def test_a_throttled_call_is_none_of_the_invocations(client, total):
    function(client, "throttled", "def handler(event, context):\n    pass\n")
    client("lambda").put_function_concurrency(FunctionName="throttled", ReservedConcurrentExecutions=0)
    with pytest.raises(client("lambda").exceptions.TooManyRequestsException):
        client("lambda").invoke(FunctionName="throttled", Payload=b"{}")
    assert total("AWS/Lambda", "Throttles", FunctionName="throttled")["Sum"] >= 1  # the client tries again
    assert total("AWS/Lambda", "Invocations", FunctionName="throttled") is None
    client("lambda").delete_function(FunctionName="throttled")


class TestOldPoints:
    @pytest.fixture
    def kept(self):
        from ministack.services import cloudwatch

        key = ("Shop", "Old", "")
        cloudwatch._metrics[key] = []
        yield cloudwatch._metrics[key]
        del cloudwatch._metrics[key]

    def test_that_are_equal_become_one_of_a_minute_and_say_the_same(self, kept):
        from ministack.services import cloudwatch

        from recsys.local.aws.cloudwatch.datapoints import thin

        now = 1_800_000_000.0
        for second in range(3600):
            kept.append(
                {"Timestamp": now - 3600 + second, "Value": float(second % 5), "Unit": "None", "Dimensions": {}}
            )
        before = cloudwatch._calc_stats(kept), cloudwatch._stat_value({}, "p90", kept)
        thin(now)
        assert (cloudwatch._calc_stats(kept), cloudwatch._stat_value({}, "p90", kept)) == before
        assert len(kept) == 45 * 5 + 900
