"""What a stack gets here that MiniStack would refuse or ignore."""

import json

import pytest
from own_server import OwnServer
from waiting import eventually

TASK = "arn:aws:states:::"
TABLE = {
    "Type": "AWS::DynamoDB::Table",
    "Properties": {
        "TableName": "cfn-table",
        "AttributeDefinitions": [{"AttributeName": "id", "AttributeType": "S"}],
        "KeySchema": [{"AttributeName": "id", "KeyType": "HASH"}],
        "BillingMode": "PAY_PER_REQUEST",
        "TimeToLiveSpecification": {"AttributeName": "expires", "Enabled": True},
        "PointInTimeRecoverySpecification": {"PointInTimeRecoveryEnabled": True},
        "SSESpecification": {"SSEEnabled": True},
    },
}


@pytest.fixture
def stack(client):
    cloudformation, made = client("cloudformation"), []

    def settled(name):
        return cloudformation.describe_stacks(StackName=name)["Stacks"][0]

    def create(name, resources, outputs=None):
        body = {"AWSTemplateFormatVersion": "2010-09-09", "Resources": resources, "Outputs": outputs or {}}
        made.append(cloudformation.create_stack(StackName=name, TemplateBody=json.dumps(body))["StackId"])
        return eventually(lambda: not settled(made[-1])["StackStatus"].endswith("_IN_PROGRESS") and settled(made[-1]))

    def update(name, resources):
        body = {"AWSTemplateFormatVersion": "2010-09-09", "Resources": resources}
        cloudformation.update_stack(StackName=name, TemplateBody=json.dumps(body))
        return eventually(lambda: not settled(name)["StackStatus"].endswith("_IN_PROGRESS") and settled(name))

    create.settled, create.update = settled, update
    yield create
    for stack_id in made:
        cloudformation.delete_stack(StackName=stack_id)


def test_a_table_gets_its_expiry_recovery_and_encryption(client, stack):
    assert stack("table", {"Table": TABLE})["StackStatus"] == "CREATE_COMPLETE"
    dynamodb = client("dynamodb")
    assert dynamodb.describe_time_to_live(TableName="cfn-table")["TimeToLiveDescription"] == {
        "TimeToLiveStatus": "ENABLED",
        "AttributeName": "expires",
    }
    backups = dynamodb.describe_continuous_backups(TableName="cfn-table")["ContinuousBackupsDescription"]
    assert backups["PointInTimeRecoveryDescription"]["PointInTimeRecoveryStatus"] == "ENABLED"
    assert dynamodb.describe_table(TableName="cfn-table")["Table"]["SSEDescription"]["Status"] == "ENABLED"


def test_scaling_of_a_table_is_accepted(stack):
    target = {
        "Type": "AWS::ApplicationAutoScaling::ScalableTarget",
        "Properties": {
            "ServiceNamespace": "dynamodb",
            "ResourceId": "table/x",
            "ScalableDimension": "dynamodb:table:ReadCapacityUnits",
            "MinCapacity": 1,
            "MaxCapacity": 10,
        },
    }
    policy = {
        "Type": "AWS::ApplicationAutoScaling::ScalingPolicy",
        "Properties": {
            "PolicyName": "p",
            "PolicyType": "TargetTrackingScaling",
            "ScalingTargetId": {"Ref": "Target"},
            "TargetTrackingScalingPolicyConfiguration": {"TargetValue": 70},
        },
    }
    made = stack("scaling", {"Target": target, "Policy": policy}, {"Id": {"Value": {"Ref": "Target"}}})
    assert made["Outputs"][0]["OutputValue"] == "table/x|dynamodb:table:ReadCapacityUnits|dynamodb"


def test_a_bucket_that_holds_an_object_is_not_deleted(client, stack):
    made = stack("bucket", {"Bucket": {"Type": "AWS::S3::Bucket", "Properties": {"BucketName": "cfn-bucket"}}})
    client("s3").put_object(Bucket="cfn-bucket", Key="k", Body=b"kept")
    client("cloudformation").delete_stack(StackName="bucket")
    eventually(lambda: stack.settled(made["StackId"])["StackStatus"] == "DELETE_FAILED")
    assert client("s3").get_object(Bucket="cfn-bucket", Key="k")["Body"].read() == b"kept"
    client("s3").delete_object(Bucket="cfn-bucket", Key="k")
    client("cloudformation").delete_stack(StackName="bucket")
    eventually(lambda: stack.settled(made["StackId"])["StackStatus"] == "DELETE_COMPLETE")


def test_a_stream_that_exists_is_not_taken_over(client, stack):
    client("kinesis").create_stream(StreamName="taken", ShardCount=1)
    client("kinesis").put_record(StreamName="taken", Data=b"kept", PartitionKey="p")
    made = stack("taker", {"S": {"Type": "AWS::Kinesis::Stream", "Properties": {"Name": "taken", "ShardCount": 2}}})
    assert made["StackStatus"] == "ROLLBACK_COMPLETE"
    assert (
        client("kinesis").describe_stream_summary(StreamName="taken")["StreamDescriptionSummary"]["OpenShardCount"] == 1
    )
    client("kinesis").delete_stream(StreamName="taken")


def test_a_stream_is_encrypted_as_the_template_says(client, stack):
    key = {"EncryptionType": "KMS", "KeyId": "alias/aws/kinesis"}
    properties = {"Name": "cfn-stream", "ShardCount": 1, "StreamEncryption": key}
    stack("stream", {"S": {"Type": "AWS::Kinesis::Stream", "Properties": properties}})
    summary = client("kinesis").describe_stream_summary(StreamName="cfn-stream")["StreamDescriptionSummary"]
    assert (summary["EncryptionType"], summary["KeyId"]) == ("KMS", "alias/aws/kinesis")


def test_the_address_of_an_api_is_one_that_answers_here(embedded, stack):
    address = {"Fn::Sub": "https://${Api}.execute-api.${AWS::Region}.${AWS::URLSuffix}/dev"}
    made = stack(
        "api",
        {"Api": {"Type": "AWS::ApiGateway::RestApi", "Properties": {"Name": "cfn-api"}}},
        {"ApiUrl": {"Value": address}, "Other": {"Value": "https://example.execute-api.us-east-1.amazonaws.com/x"}},
    )
    outputs = {output["OutputKey"]: output["OutputValue"] for output in made["Outputs"]}
    assert outputs["ApiUrl"].startswith(f"{embedded.endpoint}/restapis/")
    assert outputs["ApiUrl"].endswith("/dev/_user_request_")
    assert outputs["Other"] == "https://example.execute-api.us-east-1.amazonaws.com/x"


def test_a_bucket_gets_its_lifecycle_rules(client, stack):
    rules = [
        {"Id": "old", "Status": "Enabled", "NoncurrentVersionExpiration": {"NoncurrentDays": 30}},
        {"Id": "results", "Status": "Enabled", "Prefix": "results/", "ExpirationInDays": 90},
    ]
    properties = {"BucketName": "cfn-lifecycle", "LifecycleConfiguration": {"Rules": rules}}
    stack("lifecycle", {"Bucket": {"Type": "AWS::S3::Bucket", "Properties": properties}})
    old, results = client("s3").get_bucket_lifecycle_configuration(Bucket="cfn-lifecycle")["Rules"]
    assert old["NoncurrentVersionExpiration"] == {"NoncurrentDays": 30}
    assert (results["Filter"], results["Expiration"]) == ({"Prefix": "results/"}, {"Days": 90})


def test_a_function_gets_its_concurrency_and_may_invoke_itself_if_the_template_says_so(client, stack):
    code = {"ZipFile": "def handler(event, context): pass"}
    properties = {"FunctionName": "cfn-function", "Runtime": "python3.12", "Handler": "index.handler", "Code": code}
    properties |= {"Role": "arn:aws:iam::000000000000:role/test", "ReservedConcurrentExecutions": 1}
    properties["RecursiveLoop"] = "Allow"
    stack("function", {"Function": {"Type": "AWS::Lambda::Function", "Properties": properties}})
    functions, name = client("lambda"), {"FunctionName": "cfn-function"}
    assert functions.get_function_concurrency(**name)["ReservedConcurrentExecutions"] == 1
    assert functions.get_function_recursion_config(**name)["RecursiveLoop"] == "Allow"


def test_what_a_function_has_reserved_is_not_counted_against_its_own_update(stack):
    properties = {"Runtime": "python3.12", "Handler": "index.handler", "Role": "arn:aws:iam::000000000000:role/test"}
    properties |= {"Code": {"ZipFile": "def handler(event, context): pass"}, "ReservedConcurrentExecutions": 500}
    stack("reserving", {"Function": {"Type": "AWS::Lambda::Function", "Properties": properties}})
    properties["Timeout"] = 9
    updated = stack.update("reserving", {"Function": {"Type": "AWS::Lambda::Function", "Properties": properties}})
    assert updated["StackStatus"] == "UPDATE_COMPLETE"


def test_a_state_machine_of_a_stack_calls_personalize_when_a_rule_starts_it(tmp_path, free_port):
    """On a server of its own, which nobody has asked for Step Functions."""
    groups = f"{TASK}aws-sdk:personalize:listDatasetGroups"
    ask = {"Resource": groups, "Parameters": {"MaxResults": 1}, "Next": "Tell"}
    tell = {"Resource": f"{TASK}sqs:sendMessage", "Parameters": {"QueueUrl": "${Queue}", "MessageBody": "asked"}}
    states = {"Ask": {"Type": "Task", **ask}, "Tell": {"Type": "Task", **tell, "End": True}}
    definition = {"Fn::Sub": json.dumps({"StartAt": "Ask", "States": states})}
    machine, role = {"Ref": "Machine"}, "arn:aws:iam::000000000000:role/none"
    made = {"DefinitionString": definition, "RoleArn": role}
    rule = {"EventPattern": {"source": ["shop"]}, "Targets": [{"Id": "machine", "Arn": machine, "RoleArn": role}]}
    resources = {
        "Queue": {"Type": "AWS::SQS::Queue", "Properties": {"QueueName": "told"}},
        "Machine": {"Type": "AWS::StepFunctions::StateMachine", "Properties": made},
        "Rule": {"Type": "AWS::Events::Rule", "Properties": rule},
    }
    server = OwnServer(free_port, tmp_path / "state")
    server.start()
    try:
        server.client("cloudformation").create_stack(StackName="s", TemplateBody=json.dumps({"Resources": resources}))
        server.client("events").put_events(Entries=[{"Source": "shop", "DetailType": "d", "Detail": "{}"}])
        sqs = server.client("sqs")
        url = sqs.get_queue_url(QueueName="told")["QueueUrl"]
        assert eventually(lambda: sqs.receive_message(QueueUrl=url).get("Messages"), 30)
    finally:
        server.stop()


def test_who_changes_a_stack_is_answered_once_it_is_over(client):
    """This one waits a second for a signal that nobody sends."""
    handle = {"Type": "AWS::CloudFormation::WaitConditionHandle"}
    waiting = {"Handle": {"Ref": "Handle"}, "Timeout": "1"}
    signal = {"Type": "AWS::CloudFormation::WaitCondition", "Properties": waiting}
    cloudformation, body = client("cloudformation"), json.dumps({"Resources": {"Handle": handle, "Signal": signal}})
    stack = cloudformation.create_stack(StackName="waiting", TemplateBody=body)["StackId"]
    assert cloudformation.describe_stacks(StackName=stack)["Stacks"][0]["StackStatus"] == "ROLLBACK_COMPLETE"
    cloudformation.delete_stack(StackName=stack)


def test_a_parent_is_told_which_resources_of_a_nested_stack_failed_and_the_nested_one_why(client, stack):
    inner = {"Resources": {"Clock": {"Type": "AWS::Events::Rule", "Properties": {"ScheduleExpression": "cron(0)"}}}}
    client("s3").create_bucket(Bucket="cfn-nested")
    client("s3").put_object(Bucket="cfn-nested", Key="inner.json", Body=json.dumps(inner))
    url = "https://s3.us-east-1.amazonaws.com/cfn-nested/inner.json"
    made = stack("outer", {"Inner": {"Type": "AWS::CloudFormation::Stack", "Properties": {"TemplateURL": url}}})
    assert made["StackStatus"] == "ROLLBACK_COMPLETE"
    events = client("cloudformation").describe_stack_events(StackName=made["StackId"])["StackEvents"]
    (told,) = [each["ResourceStatusReason"] for each in events if each["ResourceStatus"] == "CREATE_FAILED"]
    number = told.split()[2]
    failed = "was not successfully created: The following resource(s) failed to create: [Clock]. "
    assert told == f"Embedded stack {number} {failed}"
    inside = client("cloudformation").describe_stack_events(StackName=number)["StackEvents"]
    assert ("CREATE_FAILED", "Parameter ScheduleExpression is not valid.") in [
        (each["ResourceStatus"], each.get("ResourceStatusReason")) for each in inside
    ]
