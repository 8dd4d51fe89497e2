"""Schedules, state machines and functions that AWS refuses, by API and in a template; and templates it refuses."""

import json

import pytest
from botocore.exceptions import ClientError

ROLE = "arn:aws:iam::000000000000:role/test"
QUEUE = "arn:aws:sqs:us-east-1:000000000000:none"
BAD_RULES = ["rate(1 hours)", "rate(2 hour)", "rate(0 minutes)", "every day", "cron(0 2 * * * *)"]
BAD_SCHEDULES = [
    ({"ScheduleExpression": "every day"}, "Invalid Schedule Expression every day"),
    ({"ScheduleExpression": "at(tomorrow)"}, "Invalid Schedule Expression"),
    ({"ScheduleExpressionTimezone": "Mars/X"}, "Invalid Timezone Mars/X"),
]


def mapped(state):
    """A Map of which each iteration is this state, Inner."""
    return {"Type": "Map", "End": True, "ItemProcessor": {"StartAt": "Inner", "States": {"Inner": state}}}


BAD_MACHINES = [
    ("{", "INVALID_JSON_DESCRIPTION"),
    ({"StartAt": "B", "States": {"A": {"Type": "Pass", "End": True}}}, "Missing target: B at /StartAt"),
    ({"StartAt": "A", "States": {"A": {"Type": "Pass", "Next": "B"}}}, "Missing target: B at /States/A/Next"),
    ({"StartAt": "A", "States": {"A": {"Type": "Pass"}}}, "exactly one of Next and End is needed at /States/A"),
    ({"StartAt": "A", "States": {"A": {"Type": "Jump", "End": True}}}, "Jump is no type of a state"),
    (
        {"StartAt": "A", "States": {"A": {"Type": "Choice", "Choices": [{"Next": "B"}]}}},
        r"Missing target: B at /States/A/Choices\[0\]/Next",
    ),
    (
        {"StartAt": "A", "States": {"A": {"Type": "Parallel", "End": True, "Branches": [{"StartAt": "B"}]}}},
        "Missing target: B at /States/A/StartAt",
    ),
    (
        {
            "StartAt": "A",
            "States": {"A": {**mapped({"Type": "Pass", "Assign": {"x": 1}, "End": True}), "Assign": {"x": 2}}},
        },
        "variable x is assigned around this, too, at /States/A",
    ),
    (
        {
            "StartAt": "A",
            "States": {
                "A": mapped({"Type": "Pass", "End": True}) | {"Catch": [{"Assign": {"x": 1}, "Next": "Inner"}]},
                "Inner": {"Type": "Pass", "End": True},
            },
        },
        "DUPLICATE_STATE_NAME: 2 states are called Inner",
    ),
]
BAD_FUNCTIONS = [
    ({"Timeout": 901}, "Value '901' at 'timeout'"),
    ({"MemorySize": 10_241}, "Value '10241' at 'memorySize'"),
    ({"Environment": {"Variables": {"A": "x" * 4096}}}, "exceeded the 4KB limit"),
]


@pytest.fixture
def fails_in_a_stack(client):
    """`fails_in_a_stack("AWS::...", properties)`: why the resource could not be made."""
    cloudformation = client("cloudformation")

    def reasons(kind, properties):
        resources = {"R": {"Type": kind, "Properties": properties}}
        cloudformation.create_stack(StackName="refusals", TemplateBody=json.dumps({"Resources": resources}))
        events = cloudformation.describe_stack_events(StackName="refusals")["StackEvents"]
        return " ".join(event.get("ResourceStatusReason", "") for event in events)

    yield reasons
    cloudformation.delete_stack(StackName="refusals")


@pytest.mark.parametrize("expression", BAD_RULES)
def test_a_rule_needs_a_schedule_that_is_one(client, fails_in_a_stack, expression):
    with pytest.raises(ClientError, match="ScheduleExpression is not valid"):
        client("events").put_rule(Name="refused", ScheduleExpression=expression)
    assert "ScheduleExpression is not valid" in fails_in_a_stack(
        "AWS::Events::Rule", {"ScheduleExpression": expression, "State": "ENABLED"}
    )


def test_a_rule_needs_a_schedule_or_a_pattern(client):
    with pytest.raises(ClientError, match="must be specified"):
        client("events").put_rule(Name="refused")


@pytest.mark.parametrize("expression", ["rate(1 hour)", "rate(15 minutes)", "cron(0 2 * * ? *)"])
def test_a_rule_goes_when_its_targets_have_gone(client, expression):
    events = client("events")
    events.put_rule(Name="targeted", ScheduleExpression=expression)
    events.put_targets(Rule="targeted", Targets=[{"Id": "1", "Arn": QUEUE}])
    with pytest.raises(ClientError, match="since it has targets"):
        events.delete_rule(Name="targeted")
    events.remove_targets(Rule="targeted", Ids=["1"])
    events.delete_rule(Name="targeted")


@pytest.mark.parametrize(("changed", "message"), BAD_SCHEDULES)
def test_a_schedule_is_refused_that_would_never_be_due(client, fails_in_a_stack, changed, message):
    target = {"Arn": QUEUE, "RoleArn": ROLE}
    asked = {"ScheduleExpression": "rate(1 hours)", "FlexibleTimeWindow": {"Mode": "OFF"}, "Target": target} | changed
    with pytest.raises(ClientError, match=message):
        client("scheduler").create_schedule(Name="refused", **asked)
    assert message in fails_in_a_stack("AWS::Scheduler::Schedule", asked)


@pytest.mark.parametrize(("definition", "message"), BAD_MACHINES)
def test_a_state_machine_is_refused_that_leads_nowhere(client, fails_in_a_stack, definition, message):
    text = definition if isinstance(definition, str) else json.dumps(definition)
    with pytest.raises(ClientError, match=message):
        client("stepfunctions").create_state_machine(name="refused", roleArn=ROLE, definition=text)
    told = fails_in_a_stack("AWS::StepFunctions::StateMachine", {"RoleArn": ROLE, "DefinitionString": text})
    assert "Invalid State Machine Definition" in told


@pytest.mark.parametrize(("changed", "message"), BAD_FUNCTIONS)
def test_a_function_keeps_to_lambdas_limits(client, fails_in_a_stack, changed, message):
    asked = {"Runtime": "python3.12", "Handler": "index.handler", "Role": ROLE, **changed}
    with pytest.raises(ClientError, match=message):
        client("lambda").create_function(FunctionName="refused", Code={"ZipFile": b"none"}, **asked)
    assert message in fails_in_a_stack("AWS::Lambda::Function", {**asked, "Code": {"ZipFile": "x = 1"}})


BAD_ENTRIES = [
    ({"Source": None}, "InvalidArgument", "Source is a required argument"),
    ({"DetailType": ""}, "InvalidArgument", "DetailType is a required argument"),
    ({"Detail": None}, "InvalidArgument", "Detail is a required argument"),
    ({"Detail": "{"}, "MalformedDetail", "Detail is malformed"),
    ({"Detail": "[1]"}, "MalformedDetail", "Detail is malformed"),
]


def test_a_function_may_reserve_no_call_that_the_others_need(client, pipeline):
    functions, name = client("lambda"), pipeline().function
    free = functions.get_account_settings()["AccountLimit"]["UnreservedConcurrentExecutions"]
    functions.put_function_concurrency(FunctionName=name, ReservedConcurrentExecutions=1)
    with pytest.raises(ClientError, match=r"UnreservedConcurrentExecution below its minimum value of \[100\]"):
        functions.put_function_concurrency(FunctionName=name, ReservedConcurrentExecutions=free - 99)
    functions.put_function_concurrency(FunctionName=name, ReservedConcurrentExecutions=free - 100)
    functions.delete_function_concurrency(FunctionName=name)


def test_an_entry_that_is_no_event_fails_by_itself(client):
    good = {"Source": "shop", "DetailType": "order", "Detail": "{}"}
    bad = [{key: value for key, value in (good | changed).items() if value is not None} for changed, *_ in BAD_ENTRIES]
    answer = client("events").put_events(Entries=[good, *bad, good])
    first, *refused, last = answer["Entries"]
    assert answer["FailedEntryCount"] == len(bad) and first["EventId"] != last["EventId"]
    for told, (_, code, message) in zip(refused, BAD_ENTRIES, strict=True):
        assert told["ErrorCode"] == code and message in told["ErrorMessage"]
    only = client("events").put_events(Entries=bad)
    assert only["FailedEntryCount"] == len(bad) and all("ErrorCode" in told for told in only["Entries"])
    with pytest.raises(ClientError, match="less than or equal to 10"):
        client("events").put_events(Entries=[good] * 6 + bad)


def test_a_changed_mapping_keeps_to_lambdas_limits(client, pipeline):
    functions, mapping = client("lambda"), pipeline().uuid
    settings = ("BatchSize", "ParallelizationFactor")
    before = functions.get_event_source_mapping(UUID=mapping)
    for changed in ({"BatchSize": 10_001}, {"ParallelizationFactor": 11}):
        with pytest.raises(ClientError, match="failed to satisfy constraint"):
            functions.update_event_source_mapping(UUID=mapping, **changed)
    after = functions.get_event_source_mapping(UUID=mapping)
    assert [after[name] for name in settings] == [before[name] for name in settings]


QUEUES = {"A": {"Type": "AWS::SQS::Queue"}, "B": {"Type": "AWS::SQS::Queue", "DependsOn": "A"}}
TRUST = {"AssumeRolePolicyDocument": {"Version": "2012-10-17", "Statement": []}}
PLAIN = {"R": {"Type": "AWS::IAM::Role", "Properties": TRUST}}
NAMED = {"R": {"Type": "AWS::IAM::Role", "Properties": {**TRUST, "RoleName": "named"}}}
CIRCLE = {**QUEUES, "A": {"Type": "AWS::SQS::Queue", "DependsOn": "B"}}
BAD_STACKS = [
    (PLAIN, {}, {}, r"Requires capabilities : \[CAPABILITY_IAM\]"),
    (NAMED, {}, {"Capabilities": ["CAPABILITY_IAM"]}, r"Requires capabilities : \[CAPABILITY_NAMED_IAM\]"),
    (QUEUES, {}, {"Parameters": [{"ParameterKey": "X", "ParameterValue": "1"}]}, r"Parameters: \[X\] do not exist"),
    (QUEUES, {"O": {"Value": {"Ref": "None"}}}, {}, r"dependencies \[None\] in the Outputs block"),
    (QUEUES, {"O": {"Value": {"Fn::Sub": "${AWS::Region} ${A.Arn} ${C}"}}}, {}, r"\[C\] in the Outputs block"),
    ({"B": QUEUES["B"]}, {}, {}, r"dependencies \[A\] in the Resources block"),
    (CIRCLE, {}, {}, "Circular dependency"),
    ({}, {}, {}, "At least one Resources member must be defined"),
    (
        {"Q": {"Type": "AWS::SQS::Queue", "Properties": {"Tags": [None]}}},
        {},
        {},
        r"\[/Resources/Q/Properties/Tags/0\] 'null'",
    ),
]


@pytest.mark.parametrize(("resources", "outputs", "request_of", "message"), BAD_STACKS)
def test_a_template_is_refused_before_anything_is_made(client, resources, outputs, request_of, message):
    cloudformation = client("cloudformation")
    asked = {"TemplateBody": json.dumps({"Resources": resources, "Outputs": outputs}), **request_of}
    for act, more in (("create_stack", {}), ("create_change_set", {"ChangeSetName": "c", "ChangeSetType": "CREATE"})):
        with pytest.raises(ClientError, match=message):
            getattr(cloudformation, act)(StackName="never", **more, **asked)
    with pytest.raises(ClientError, match="does not exist"):
        cloudformation.describe_stacks(StackName="never")


def test_a_role_is_made_where_it_is_acknowledged(client):
    body = json.dumps({"Resources": NAMED})
    client("cloudformation").create_stack(
        StackName="acknowledged", TemplateBody=body, Capabilities=["CAPABILITY_NAMED_IAM"]
    )
    assert client("iam").get_role(RoleName="named")["Role"]
    client("cloudformation").delete_stack(StackName="acknowledged")
