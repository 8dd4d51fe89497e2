"""Training jobs through boto3: what goes in, what comes out, and what AWS says when it does not work."""

import io
import tarfile
from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ClientError
from sagemaker_requests import BUCKET, IMAGE, INSTANCE, named, put
from waiting import eventually

from recsys.local.sagemaker.jobs.scraping import Scraper

Make = Callable[..., Any]


def refused(call: Callable[[], Any]) -> tuple[str, str]:
    with pytest.raises(ClientError) as caught:
        call()
    return caught.value.response["Error"]["Code"], caught.value.response["Error"]["Message"]


def test_a_model_lies_in_s3_when_the_job_is_completed(trained: dict[str, Any], client: Make) -> None:
    assert trained["TrainingJobStatus"] == trained["SecondaryStatus"] == "Completed", trained.get("FailureReason")
    bucket, _, key = trained["ModelArtifacts"]["S3ModelArtifacts"].removeprefix("s3://").partition("/")
    archive = client("s3").get_object(Bucket=bucket, Key=key)["Body"].read()
    with tarfile.open(fileobj=io.BytesIO(archive)) as tar:
        assert tar.getnames()


def test_its_statuses_follow_each_other_in_time(trained: dict[str, Any]) -> None:
    history = trained["SecondaryStatusTransitions"]
    assert [each["Status"] for each in history] == ["Starting", "Downloading", "Training", "Uploading", "Completed"]
    moments = [moment for each in history for moment in (each["StartTime"], each["EndTime"])]
    assert moments == sorted(moments)


def test_metrics_are_scraped_from_what_it_prints(trained: dict[str, Any], client: Make) -> None:
    (metric,) = trained["FinalMetricDataList"]
    assert metric["MetricName"] == "test:ndcg_at_10" and 0 <= metric["Value"] <= 1
    request = {
        "Namespace": "/aws/sagemaker/TrainingJobs",
        "MetricName": "test:ndcg_at_10",
        "Dimensions": [{"Name": "TrainingJobName", "Value": trained["TrainingJobName"]}],
        "StartTime": trained["CreationTime"],
        "EndTime": trained["LastModifiedTime"].timestamp() + 60,
        "Period": 60,
        "Statistics": ["Maximum"],
    }
    found = eventually(lambda: client("cloudwatch").get_metric_statistics(**request)["Datapoints"])
    assert [point["Maximum"] for point in found] == [pytest.approx(metric["Value"])]


def test_its_log_is_in_cloudwatch(trained: dict[str, Any], client: Make) -> None:
    where = {"logGroupName": "/aws/sagemaker/TrainingJobs"}
    streams = client("logs").describe_log_streams(**where, logStreamNamePrefix=f"{trained['TrainingJobName']}/algo-1-")
    (stream,) = [each["logStreamName"] for each in streams["logStreams"]]
    lines = client("logs").get_log_events(**where, logStreamName=stream, startFromHead=True)["events"]
    assert any("[metric] test:ndcg_at_10=" in line["message"] for line in lines)


def test_a_hyperparameter_that_is_no_number_fails_the_job_with_its_name(train: Make, ended: Make) -> None:
    job = ended(train({"seed": "many"}))
    assert job["TrainingJobStatus"] == "Failed"
    assert job["FailureReason"].startswith("AlgorithmError: ") and 'seed is "many"' in job["FailureReason"]
    assert "exit code: 1" in job["FailureReason"]


def test_a_missing_channel_is_named(train: Make, ended: Make) -> None:
    reason = ended(train(channel="clicks"))["FailureReason"]
    assert "interactions" in reason and "clicks" in reason


def test_a_channel_without_objects_is_refused_at_once(train: Make, role: str) -> None:
    source = {"S3DataType": "S3Prefix", "S3Uri": f"s3://{BUCKET}/nothing/"}
    channel = {"ChannelName": "interactions", "DataSource": {"S3DataSource": source}}
    code, message = refused(lambda: train(InputDataConfig=[channel]))
    assert code == "ValidationException" and f's3://{BUCKET}/nothing/"' in message and role in message


def test_a_role_that_sagemaker_may_not_assume_is_refused(train: Make, role: str) -> None:
    other = role.replace("sagemaker-tests", "somebody")
    code, message = refused(lambda: train(RoleArn=other))
    assert (code, other in message) == ("ValidationException", True)


def test_another_image_is_refused_with_what_there_is(train: Make) -> None:
    algorithm = {"TrainingImage": "1234.dkr.ecr.us-east-1.amazonaws.com/xgboost:1", "TrainingInputMode": "File"}
    code, message = refused(lambda: train(AlgorithmSpecification=algorithm))
    assert code == "ValidationException" and "recsys/sagemaker/container" in message


def test_a_name_is_given_once(train: Make, trained: dict[str, Any]) -> None:
    code, message = refused(lambda: train(TrainingJobName=trained["TrainingJobName"]))
    assert code == "ResourceInUse" and trained["TrainingJobArn"] in message


def test_a_job_that_is_not_there_is_not_found(sagemaker: Any) -> None:
    found = refused(lambda: sagemaker.describe_training_job(TrainingJobName="nobody"))
    assert found == ("ValidationException", "Requested resource not found.")


def test_a_request_that_breaks_its_shape_is_refused_as_aws_words_it(train: Make) -> None:
    resources = {**INSTANCE, "InstanceType": "ml.huge", "VolumeSizeInGB": 5}
    code, message = refused(lambda: train(ResourceConfig=resources))
    assert code == "ValidationException"
    assert "Value 'ml.huge' at 'ResourceConfig.InstanceType' failed to satisfy constraint" in message


def test_a_job_is_stopped(train: Make, ended: Make, sagemaker: Any) -> None:
    name = train({"model": "next-item"})
    sagemaker.stop_training_job(TrainingJobName=name)
    job = ended(name)
    assert (job["TrainingJobStatus"], job["SecondaryStatus"]) == ("Stopped", "Stopped")
    code, message = refused(lambda: sagemaker.stop_training_job(TrainingJobName=name))
    assert code == "ValidationException" and "Stopped" in message


def test_a_job_is_stopped_before_its_turn(train: Make, ended: Make, sagemaker: Any) -> None:
    first, second = train({"budget_seconds": "300"}), train()
    sagemaker.stop_training_job(TrainingJobName=second)
    assert ended(second)["TrainingJobStatus"] == "Stopped"
    assert sagemaker.describe_training_job(TrainingJobName=first)["TrainingJobStatus"] == "InProgress"
    sagemaker.stop_training_job(TrainingJobName=first)
    assert ended(first)["TrainingJobStatus"] == "Stopped"


def test_a_key_that_leaves_its_folder_fails_the_job(train: Make, ended: Make, bucket: str, client: Make) -> None:
    source = put(client, "evil/../../out.csv", b"USER_ID,ITEM_ID,TIMESTAMP\n").partition("..")[0]
    channel = {
        "ChannelName": "interactions",
        "DataSource": {"S3DataSource": {"S3DataType": "S3Prefix", "S3Uri": source}},
    }
    job = ended(train(InputDataConfig=[channel]))
    assert job["FailureReason"].startswith("ClientError: The key ../../out.csv cannot be a path")


def test_metrics_that_are_no_numbers_are_passed_over() -> None:
    scraper = Scraper([{"Name": "loss", "Regex": r"loss=(\S+)"}])
    assert scraper.scrape("loss=nan loss=1e999 loss=0.5 loss=unknown") == [("loss", 0.5)]


def test_a_job_that_takes_too_long_is_stopped(train: Make, ended: Make) -> None:
    job = ended(train({"model": "next-item"}, StoppingCondition={"MaxRuntimeInSeconds": 1}))
    assert (job["TrainingJobStatus"], job["SecondaryStatus"]) == ("Stopped", "MaxRuntimeExceeded")


def test_jobs_are_listed_by_status_and_page(trained: dict[str, Any], sagemaker: Any, train: Make, ended: Make) -> None:
    ended(train())
    done = sagemaker.get_paginator("list_training_jobs").paginate(
        StatusEquals="Completed", NameContains="train", PaginationConfig={"PageSize": 1}
    )
    names = [each["TrainingJobName"] for page in done for each in page["TrainingJobSummaries"]]
    assert trained["TrainingJobName"] in names and len(set(names)) == len(names) >= 2


def test_what_is_tagged_is_found(trained: dict[str, Any], sagemaker: Any, client: Make) -> None:
    arn = trained["TrainingJobArn"]
    sagemaker.add_tags(ResourceArn=arn, Tags=[{"Key": "run", "Value": "42"}, {"Key": "stage", "Value": "ci"}])
    sagemaker.delete_tags(ResourceArn=arn, TagKeys=["stage"])
    assert sagemaker.list_tags(ResourceArn=arn)["Tags"] == [{"Key": "run", "Value": "42"}]
    filters = [{"Key": "run", "Values": ["42"]}]
    found = client("resourcegroupstaggingapi").get_resources(TagFilters=filters)["ResourceTagMappingList"]
    assert arn in [each["ResourceARN"] for each in found]


def test_an_input_mode_that_is_not_done_here_is_refused(train: Make) -> None:
    algorithm = {"TrainingImage": IMAGE, "TrainingInputMode": "Pipe"}
    code, message = refused(lambda: train(AlgorithmSpecification=algorithm))
    assert code == "ValidationException" and "Pipe" in message


def test_what_is_not_done_here_is_refused(sagemaker: Any) -> None:
    code, message = refused(lambda: sagemaker.list_notebook_instances())
    assert code == "ValidationException" and "ListNotebookInstances" in message


def test_a_processing_job_prepares_data(sagemaker: Any, role: str, bucket: str, client: Make) -> None:
    name = named("prepare")
    # a second slash must not make it a path of this machine
    place = {
        "S3Uri": f"s3://{bucket}/interactions/",
        "LocalPath": "/opt/ml//processing/input",
        "S3DataType": "S3Prefix",
    }
    into = {"S3Uri": f"s3://{bucket}/prepared", "LocalPath": "/opt/ml/processing/output/interactions"}
    sagemaker.create_processing_job(
        ProcessingJobName=name,
        ProcessingResources={"ClusterConfig": {**INSTANCE, "VolumeSizeInGB": 5}},
        AppSpecification={"ImageUri": IMAGE, "ContainerEntrypoint": ["prepare"]},
        RoleArn=role,
        ProcessingInputs=[{"InputName": "raw", "S3Input": {**place, "S3InputMode": "File"}}],
        ProcessingOutputConfig={"Outputs": [{"OutputName": "clean", "S3Output": {**into, "S3UploadMode": "EndOfJob"}}]},
    )

    def done() -> Any:
        job = sagemaker.describe_processing_job(ProcessingJobName=name)
        return job if job["ProcessingJobStatus"] != "InProgress" else None

    job = eventually(done)
    assert job["ProcessingJobStatus"] == "Completed", job.get("FailureReason")
    body = client("s3").get_object(Bucket=bucket, Key="prepared/interactions.csv")["Body"].read().decode()
    assert "USER_ID" in body.splitlines()[0]
