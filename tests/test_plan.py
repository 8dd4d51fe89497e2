"""The dry run: the stages' own requests, validated by botocore, with nothing sent."""

import socket

import botocore.exceptions
import pytest

from recsys import aws, dry, params, plan
from recsys.errors import AwsError


@pytest.fixture
def no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise AssertionError("a dry run opened a connection")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket, "create_connection", refuse)


@pytest.fixture(autouse=True)
def no_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_ENDPOINT_URL", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_DEFAULT_REGION", "AWS_REGION"):
        monkeypatch.setenv(name, "")
        monkeypatch.delenv(name)


def test_a_dry_run_names_everything_in_order_and_sends_nothing(no_network: None) -> None:
    values, _ = params.load("params/aws.yaml", environment={})
    made = [request.operation for request in plan.plan(values) if request.creates]
    wanted = ["CreateStack", "CreateDatasetGroup", "CreateDatasetImportJob", "CreateSolutionVersion", "CreateCampaign"]
    assert sorted(wanted, key=made.index) == wanted
    assert made.count("CreateDatasetImportJob") == 3
    assert made.count("UpdateStack") == 4
    assert made[-1] == "DeleteCampaign"


def test_a_request_that_botocore_would_refuse_is_refused(no_network: None) -> None:
    aws.connect("us-east-1")
    with dry.recording():
        campaign = aws.client("personalize").create_campaign
        with pytest.raises(botocore.exceptions.ParamValidationError, match="minProvisionedTPS"):
            campaign(
                name="c", solutionVersionArn="arn:aws:personalize:us-east-1:1:solution/s/1", minProvisionedTPS="many"
            )
        with pytest.raises(AwsError, match='Missing required parameter in input: "name"'):
            aws.call(aws.client("personalize").create_dataset_group)


def test_what_a_dry_run_made_is_found_again_and_active() -> None:
    aws.connect("eu-west-1")
    with dry.recording():
        personalize = aws.client("personalize")
        arn = personalize.create_dataset_group(name="shop")["datasetGroupArn"]
        assert arn == f"arn:aws:personalize:eu-west-1:{dry.ACCOUNT}:dataset-group/shop"
        assert personalize.describe_dataset_group(datasetGroupArn=arn)["datasetGroup"]["status"] == "ACTIVE"
        personalize.delete_dataset_group(datasetGroupArn=arn)
        with pytest.raises(botocore.exceptions.ClientError, match="ResourceNotFoundException"):
            personalize.describe_dataset_group(datasetGroupArn=arn)
    assert aws.intercept is None
