"""A record of who touches the data, and private ways to AWS: there when asked for, and gone with the rest."""

import re
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from recsys import aws, deploy
from recsys.deploy import cleanup
from recsys.deploy.template import TEMPLATE
from recsys.errors import Refused

Client = Callable[[str], Any]
TRACKED = {"TrackingId": "00000000-0000-4000-8000-000000000000"}


def test_a_trail_records_who_reads_and_writes_bucket_and_profiles(environment: Any, client: Client) -> None:
    outputs = environment.deploy(**TRACKED, AuditData="true")
    name = f"recsys-data-{environment.suffix}"
    assert client("cloudtrail").get_trail_status(Name=name)["IsLogging"]
    selectors = client("cloudtrail").get_event_selectors(TrailName=name)["AdvancedEventSelectors"]
    recorded = [field["StartsWith"] for each in selectors for field in each["FieldSelectors"] if "StartsWith" in field]
    table = client("dynamodb").describe_table(TableName=outputs["TableName"])["Table"]["TableArn"]
    assert recorded == [[f"arn:aws:s3:::{outputs['BucketName']}/"], [table]]


def test_the_record_goes_with_its_environment(environment: Any, client: Client) -> None:
    environment.deploy(**TRACKED, AuditData="true")
    trail = client("cloudtrail").get_trail(Name=f"recsys-data-{environment.suffix}")["Trail"]
    client("s3").put_object(Bucket=trail["S3BucketName"], Key="AWSLogs/record.json.gz", Body=b"recorded")
    lines = cleanup.find(environment.group, environment.stack)
    assert f"1 objects and versions in s3://{trail['S3BucketName']}" in lines
    assert f"AWS::CloudTrail::Trail {trail['Name']}" in lines
    assert cleanup.destroy(environment.group, environment.stack) == []
    assert trail["Name"] not in [each["Name"] for each in client("cloudtrail").list_trails()["Trails"]]


def test_it_records_before_anything_else_is_deployed(environment: Any, client: Client) -> None:
    outputs = environment.deploy(AuditData="true")
    (selector,) = client("cloudtrail").get_event_selectors(TrailName=f"recsys-data-{environment.suffix}")[
        "AdvancedEventSelectors"
    ]
    assert f"arn:aws:s3:::{outputs['BucketName']}/" in str(selector)
    with pytest.raises(Refused, match="AuditData needs GuardingKey"):
        environment.deploy(GuardingKey="none")


def test_turned_off_and_on_again_it_keeps_what_was_recorded_until_all_goes(environment: Any, client: Client) -> None:
    trails, tags = [], {"project": "recsys", "stage": environment.suffix}
    for audited in ("true", "false", "true"):
        wanted = {"EnvironmentSuffix": environment.suffix, "AuditData": audited}
        deploy.deploy(environment.stack, wanted, tags)
        if audited == "true":
            trail = client("cloudtrail").get_trail(Name=f"recsys-data-{environment.suffix}")["Trail"]
            trails.append(trail["S3BucketName"])
            client("s3").put_object(Bucket=trails[-1], Key="AWSLogs/record.json.gz", Body=b"recorded")
    assert len(set(trails)) == 2 and {each["Name"] for each in client("s3").list_buckets()["Buckets"]} > set(trails)
    assert cleanup.destroy(environment.group, environment.stack, environment.suffix) == []
    assert not {each["Name"] for each in client("s3").list_buckets()["Buckets"]} & set(trails)


@pytest.fixture
def network(client: Client, monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, Any]]:
    """The parameters of endpoints.yaml, deployed for a VPC of two subnets by the command of docs/operations.md."""
    clidriver = pytest.importorskip("awscli.clidriver", reason="the aws command is in the dependency group dev")
    monkeypatch.chdir(TEMPLATE.parents[2])
    ec2 = client("ec2")
    vpc = ec2.create_vpc(CidrBlock="10.9.0.0/16")["Vpc"]["VpcId"]
    subnets = [ec2.create_subnet(VpcId=vpc, CidrBlock=f"10.9.{n}.0/24")["Subnet"]["SubnetId"] for n in (1, 2)]
    routes = ec2.create_route_table(VpcId=vpc)["RouteTable"]["RouteTableId"]
    callers = ec2.create_security_group(GroupName="callers", Description="callers", VpcId=vpc)["GroupId"]
    given = {"VpcId": vpc, "SubnetIds": ",".join(subnets), "RouteTableIds": routes, "CallersGroupId": callers}
    shown = (TEMPLATE.parents[2] / "docs/operations.md").read_text().replace("\\\n", "")
    (line,) = [
        line for line in shown.splitlines() if line.startswith("aws cloudformation deploy --stack-name recsys-end")
    ]
    assert set(re.findall(r"(\w+)=(?:vpc|subnet|rtb|sg)-", line)) == given.keys()
    command = [
        re.sub(r"(\w+)=(?:vpc|subnet|rtb|sg)-.*", lambda found: f"{found[1]}={given[found[1]]}", word)
        for word in line.split()
    ]
    assert clidriver.create_clidriver().main(command[1:]) == 0
    aws.wait("stack", lambda: {"status": deploy.describe("recsys-endpoints")["StackStatus"]}, until="CREATE_COMPLETE")
    yield given
    assert cleanup.destroy("no-group", "recsys-endpoints", "network") == []
    assert client("ec2").describe_vpc_endpoints(Filters=of(vpc))["VpcEndpoints"] == []


def of(vpc: str) -> list[dict[str, Any]]:
    return [{"Name": "vpc-id", "Values": [vpc]}]


def test_a_vpc_gets_private_ways_for_its_callers_only(connected: None, client: Client, network: dict[str, Any]) -> None:
    found = client("ec2").describe_vpc_endpoints(Filters=of(network["VpcId"]))["VpcEndpoints"]
    kinds = {each["ServiceName"].removeprefix("com.amazonaws.us-east-1."): each["VpcEndpointType"] for each in found}
    services = ("kinesis-streams", "personalize", "personalize-events", "personalize-runtime", "sagemaker.runtime")
    assert kinds == {**dict.fromkeys(services, "Interface"), "s3": "Gateway", "dynamodb": "Gateway"}
    interfaces = [each for each in found if each["VpcEndpointType"] == "Interface"]
    assert all(each["SubnetIds"] == network["SubnetIds"].split(",") for each in interfaces)
    groups = client("ec2").describe_security_groups(Filters=of(network["VpcId"]))["SecurityGroups"]
    (rule,) = next(group for group in groups if group["Description"].startswith("Who may use"))["IpPermissions"]
    assert (rule["FromPort"], rule["UserIdGroupPairs"][0]["GroupId"]) == (443, network["CallersGroupId"])
