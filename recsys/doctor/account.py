"""The account: who calls, and what it may do. Every call only looks."""

import json
import re
from typing import Any

import boto3

from recsys import aws
from recsys.deploy import stack, template
from recsys.errors import NotKnown, RecsysError, Refused
from recsys.params import Params
from recsys.sagemaker import images

KEPT = 100  # calls at once that AWS keeps for the functions without a reserved share
FUNCTIONS = ("recsys-stream-processor", "recsys-batch-processor")
BATCH = 1  # the batch processor's reserved share
MAKES_ROLES = ["iam:CreateRole", "iam:DeleteRole", "iam:PassRole", "iam:PutRolePolicy", "iam:TagRole"]
NO_IMAGE = ("RepositoryNotFoundException", "ImageNotFoundException")
IN_ECR = re.compile(
    r"(?P<registry>(?P<account>\d{12})\.dkr\.ecr\.(?P<region>[\w-]+)\.amazonaws\.com)/(?P<repository>[^:@]+):(?P<tag>[^:@]+)"
)
DENIED = ("AccessDenied", "AccessDeniedException", "UnauthorizedOperation")


def credentials(_: Params) -> str:
    """The account the credentials belong to, and who they are."""
    caller = aws.call(aws.client("sts").get_caller_identity)
    return f"account {caller['Account']}, as {caller['Arn']}"


def region(values: Params) -> str:
    """The region, and that Personalize is offered there."""
    name, session = aws.region(), boto3.Session()
    partitions = session.get_available_partitions()
    offered = sorted(one for each in partitions for one in session.get_available_regions("personalize", each))
    if values.aws.endpoint is None and name not in offered:
        raise RecsysError(f"Personalize is not offered in {name}; set aws.region to one of {', '.join(offered)}")
    return name


def concurrency(values: Params) -> str:
    """Room for the share of calls at once that the template reserves."""
    limits = asked("lambda:GetAccountSettings", aws.client("lambda").get_account_settings)["AccountLimit"]
    standing = stack_parameters(values).get("ReservedConcurrency")
    wanted = int(standing or template.content()["Parameters"]["ReservedConcurrency"]["Default"])
    if wanted == 0:
        return f"none is reserved of {limits['ConcurrentExecutions']} calls at once"
    free = limits["UnreservedConcurrentExecutions"] + sum(_reserved(values.named(name)) for name in FUNCTIONS)
    room = free - KEPT - BATCH
    if wanted > room:
        advice = values.command(f"recsys deploy ReservedConcurrency={max(room, 0)}")
        raise RecsysError(
            f"{wanted} + {BATCH} calls at once are to be reserved, but of {limits['ConcurrentExecutions']} only {free} "
            f"are free and AWS keeps {KEPT}: {advice}, or raise the quota 'Concurrent executions'"
        )
    return f"{wanted} + {BATCH} of {free} free calls at once are to be reserved; AWS keeps {KEPT}"


def may_make_roles(_: Params) -> str:
    """Whether the caller may make the stack's roles, as far as IAM's simulator tells."""
    caller = aws.call(aws.client("sts").get_caller_identity)["Arn"]
    if caller.endswith(":root"):
        return "the root user may; a role of its own would be safer"
    simulate, arn = aws.client("iam").simulate_principal_policy, _principal(caller)
    answer = asked("iam:SimulatePrincipalPolicy", simulate, PolicySourceArn=arn, ActionNames=MAKES_ROLES)
    results = answer["EvaluationResults"]
    denied = [result["EvalActionName"] for result in results if result["EvalDecision"] != "allowed"]
    if denied:
        raise RecsysError(
            f"{arn} may not {', '.join(denied)}: the stack makes a role for Personalize and one for each function; "
            "ask an administrator for these actions on roles named recsys-*"
        )
    return f"{arn} may"


def personalize_role(values: Params) -> str:
    """The role Personalize reads the bucket with, and that Personalize may take it on."""
    found = stack.describe(values.stack_name)
    arn = stack.outputs(found).get("RoleArn") if found else None
    if not arn:
        return f"comes with the stack {values.stack_name}"
    get = aws.client("iam").get_role
    role = asked("iam:GetRole", lambda **request: aws.find(get, **request) or {}, RoleName=arn.rsplit("/", 1)[1])
    trusted = json.dumps(role.get("Role", {}).get("AssumeRolePolicyDocument", {}))
    if "personalize.amazonaws.com" not in trusted:
        remedy = values.command("recsys deploy")
        raise RecsysError(f"{arn} is gone or does not trust personalize.amazonaws.com; bring it back: {remedy}")
    return f"{arn} trusts Personalize"


def container_image(values: Params) -> str:
    """The image of our own recommenders, which notebook 06 trains and hosts."""
    if values.aws.endpoint:
        return "none is needed: the embedded SageMaker runs the project's own programs"
    uri = images.image(values.sagemaker.container_image)
    named = IN_ECR.fullmatch(uri)
    if not named:
        raise NotKnown(f"{uri} is no image in ECR with a tag, and was not asked for")
    own = images.image(None).rpartition(":")[0]
    if uri.rpartition(":")[0] != own:
        raise RecsysError(f"the stack's role for SageMaker may fetch from {own} alone: push {uri} there, as a tag")
    place = {"registryId": named["account"], "repositoryName": named["repository"]}
    describe, tagged = aws.client("ecr").describe_images, [{"imageTag": named["tag"]}]
    try:
        found = asked("ecr:DescribeImages", describe, **place, imageIds=tagged)["imageDetails"]
    except Refused as error:
        if error.code not in NO_IMAGE:
            raise
        found = []
    if not found:
        raise RecsysError(f"{uri} is not there, and notebook 06 runs it; with Docker: {_pushing(uri, named)}")
    return uri


def access_logs(values: Params) -> str:
    """API Gateway writes access logs with a role of the account, which no stack of ours makes."""
    if stack_parameters(values).get("AccessLogs", "false") != "true":
        return "off (AccessLogs=true turns them on)"
    role = asked("apigateway:GET", aws.client("apigateway").get_account).get("cloudwatchRoleArn")
    if not role:
        raise RecsysError(
            "AccessLogs=true, but the account has no role for API Gateway's logs: make one with the policy "
            "AmazonAPIGatewayPushToCloudWatchLogs, then: aws apigateway update-account --patch-operations "
            "op=replace,path=/cloudwatchRoleArn,value=ARN"
        )
    return f"written with {role}"


def asked(action: str, operation: Any, **request: Any) -> dict[str, Any]:
    """What an operation answers. Raises NotKnown where the caller may not ask."""
    try:
        return aws.call(operation, **request)
    except Refused as error:
        if error.code in DENIED:
            raise NotKnown(f"these credentials may not ask ({action})") from error
        raise


def _pushing(uri: str, named: re.Match[str]) -> str:
    """The commands that bring the image there, as docs/sagemaker.md has them."""
    ecr = f"aws --region {named['region']} ecr"
    return "; ".join(
        [
            f"{ecr} create-repository --repository-name {named['repository']} (once)",
            f"docker build --platform linux/amd64 -f recsys/sagemaker/container/Dockerfile -t {uri} .",
            f"{ecr} get-login-password | docker login --username AWS --password-stdin {named['registry']}",
            f"docker push {uri}",
        ]
    )


def stack_parameters(values: Params) -> dict[str, str]:
    """The parameters of the environment's stack; none where there is no stack."""
    return stack.values_of(stack.describe(values.stack_name))


def _reserved(function: str) -> int:
    found = aws.find(aws.client("lambda").get_function_concurrency, FunctionName=function) or {}
    return found.get("ReservedConcurrentExecutions", 0)


def _principal(caller: str) -> str:
    """The user or role behind a caller: the simulator knows no sessions."""
    if ":assumed-role/" not in caller:
        return caller
    name = caller.split("/")[1]
    return asked("iam:GetRole", aws.client("iam").get_role, RoleName=name)["Role"]["Arn"]
