"""What each role of the templates may do, all of it: resource, without arn:aws:, and the actions on it."""

from collections.abc import Mapping

HERE = "us-east-1:000000000000"
TRACED = {"*": "xray:PutTelemetryRecords xray:PutTraceSegments"}

Grants = set[tuple[str, str]]


def policies(*roles: str, **places: str) -> dict[str, Grants]:
    """Role -> (action, resource). `places` are the words that stand in braces below."""
    return {role: _grants(POLICIES[role], {"here": HERE, **places}) for role in roles}


def _grants(written: Mapping[str, str], places: Mapping[str, str]) -> Grants:
    found = {
        resource if resource == "*" else f"arn:aws:{resource.format(**places)}": actions.split()
        for resource, actions in written.items()
    }
    return {(action, resource) for resource, actions in found.items() for action in actions}


def _log(function: str) -> dict[str, str]:
    return {f"logs:{{here}}:log-group:/aws/lambda/{function}-{{suffix}}:*": "logs:CreateLogStream logs:PutLogEvents"}


_BATCH = {
    "dynamodb:{here}:table/recsys-profiles-{suffix}": "dynamodb:PartiQLUpdate dynamodb:Scan",
    "s3:::{bucket}/batch-results/*": "s3:AbortMultipartUpload s3:GetObject s3:PutObject",
    "s3:::{bucket}": "s3:ListBucket",
    "lambda:{here}:function:recsys-batch-processor-{suffix}": "lambda:InvokeFunction",
    **TRACED,
    **_log("recsys-batch-processor"),
}

_OF_ENDPOINT = {
    "sagemaker:{here}:endpoint/{endpoint}": "sagemaker:DescribeEndpoint sagemaker:InvokeEndpoint",
    "sagemaker:{here}:endpoint-config/*": "sagemaker:DescribeEndpointConfig",
    "sagemaker:{here}:model/*": "sagemaker:DescribeModel",
    "s3:::{bucket}/catalogue.json": "s3:GetObject",
}

POLICIES = {
    "PersonalizeRole": {
        "s3:::{bucket}": "s3:ListBucket",
        "s3:::{bucket}/tables/*": "s3:GetObject",
        "s3:::{bucket}/output/*": "s3:PutObject",
    },
    "SageMakerRole": {
        "s3:::{bucket}": "s3:ListBucket",
        "s3:::{bucket}/sagemaker/*": "s3:GetObject s3:PutObject",
        "logs:{here}:log-group:/aws/sagemaker/*": (
            "logs:CreateLogGroup logs:CreateLogStream logs:DescribeLogStreams logs:PutLogEvents"
        ),
        "ecr:{here}:repository/recsys": "ecr:BatchCheckLayerAvailability ecr:BatchGetImage ecr:GetDownloadUrlForLayer",
        "*": "ecr:GetAuthorizationToken cloudwatch:PutMetricData",
    },
    "StreamProcessorRole": {
        "kinesis:{here}:stream/recsys-events-{suffix}": (
            "kinesis:DescribeStream kinesis:DescribeStreamSummary kinesis:GetRecords kinesis:GetShardIterator "
            "kinesis:ListShards"
        ),
        "dynamodb:{here}:table/recsys-profiles-{suffix}": (
            "dynamodb:BatchGetItem dynamodb:PartiQLInsert dynamodb:PartiQLUpdate"
        ),
        "sqs:{here}:recsys-stream-failures-{suffix}": "sqs:SendMessage",
        "*": f"personalize:PutEvents {TRACED['*']}",
        **_log("recsys-stream-processor"),
    },
    "RecommendationApiRole": {
        "personalize:{here}:campaign/{campaign}": "personalize:GetRecommendations",
        "personalize:{here}:campaign/{similar}": "personalize:GetRecommendations",
        "personalize:{here}:filter/*": "personalize:GetRecommendations",
        "personalize:{here}:campaign/{one}": "personalize:GetPersonalizedRanking personalize:GetRecommendations",
        "personalize:{here}:campaign/{another}": "personalize:GetPersonalizedRanking personalize:GetRecommendations",
        "personalize:{here}:campaign/{ranking}": "personalize:GetPersonalizedRanking",
        "dynamodb:{here}:table/recsys-profiles-{suffix}": "dynamodb:GetItem",
        "s3:::{bucket}/popular.json": "s3:GetObject",
        "kinesis:{here}:stream/recsys-events-{suffix}": "kinesis:PutRecord",
        **TRACED,
        **_log("recommendation-api"),
    },
    "BatchProcessorRole": {
        **_BATCH,
        "personalize:{here}:campaign/{campaign}": "personalize:DescribeCampaign personalize:GetRecommendations",
        "personalize:{here}:campaign/{similar}": "personalize:DescribeCampaign",
        "personalize:{here}:campaign/{ranking}": "personalize:DescribeCampaign",
        "personalize:{here}:solution/*": "personalize:DescribeSolutionVersion",
    },
    "BatchProcessorRole with an endpoint": {
        **_BATCH,
        **_OF_ENDPOINT,
    },
    "BatchProcessorRole with an endpoint and a campaign": {
        **_BATCH,
        **_OF_ENDPOINT,
        "personalize:{here}:campaign/{campaign}": "personalize:DescribeCampaign",
        "personalize:{here}:solution/*": "personalize:DescribeSolutionVersion",
    },
    "RetrainingRole": {
        "states:{here}:stateMachine:recsys-retraining-{suffix}": "states:ListExecutions",
        "personalize:{here}:campaign/{campaign}": "personalize:DescribeCampaign personalize:UpdateCampaign",
        "personalize:{here}:campaign/{similar}": "personalize:DescribeCampaign personalize:UpdateCampaign",
        "personalize:{here}:campaign/{ranking}": "personalize:DescribeCampaign personalize:UpdateCampaign",
        "personalize:{here}:solution/*": (
            "personalize:CreateSolutionVersion personalize:DescribeSolution personalize:DescribeSolutionVersion "
            "personalize:GetSolutionMetrics"
        ),
        "personalize:{here}:dataset-export-job/retraining-*": (
            "personalize:CreateDatasetExportJob personalize:DescribeDatasetExportJob"
        ),
        "personalize:{here}:dataset-import-job/incoming-*": (
            "personalize:CreateDatasetImportJob personalize:DescribeDatasetImportJob"
        ),
        "iam::000000000000:role/{role}": "iam:PassRole",
        "s3:::{bucket}": "s3:ListBucket",
        "sns:{here}:recsys-alarms-{suffix}": "sns:Publish",
    },
    "ScheduleRole": {"states:{here}:stateMachine:recsys-retraining-{suffix}": "states:StartExecution"},
}
