"""What the roles of a stack may do, beside what they did."""

import json
import re
import urllib.request
from collections.abc import Callable, Iterator
from fnmatch import fnmatchcase
from typing import Any

Client = Callable[[str], Any]
Call = dict[str, Any]  # role, action, resource, allowed, as the embedded AWS keeps it
Grant = tuple[int, str, str]  # place of the statement, action, resource
GROUP = re.compile(r"[^*]+:log-group:[^*:]+:\*")


def roles(client: Client, stack: str) -> dict[str, str]:
    """The stack's roles, those of its nested parts too: logical name -> name."""
    return dict(_found(client("cloudformation"), stack))


def _found(cloudformation: Any, stack: str) -> Iterator[tuple[str, str]]:
    for resource in cloudformation.describe_stack_resources(StackName=stack)["StackResources"]:
        if resource["ResourceType"] == "AWS::IAM::Role":
            yield resource["LogicalResourceId"], resource["PhysicalResourceId"]
        elif resource["ResourceType"] == "AWS::CloudFormation::Stack":
            yield from _found(cloudformation, resource["PhysicalResourceId"])


def made_calls(endpoint: str) -> list[Call]:
    """Every distinct call a role made of this embedded AWS since it started."""
    with urllib.request.urlopen(f"{endpoint}/_recsys/calls") as answer:
        return json.load(answer)


def idle(client: Client, roles: dict[str, str], calls: list[Call]) -> list[tuple[str, str, str]]:
    """Role, action and resource of each grant that none of the role's calls needs: all are allowed without it."""
    found = []
    for logical, role in roles.items():
        made = [call for call in calls if call["role"] == role and call["allowed"]]
        given = grants(_policy(client("iam"), role))
        for grant in given:
            rest = [each for each in given if each != grant]
            if all(_allowed(client("iam"), rest, call) for call in made if call["action"] == grant[1]):
                found.append((logical, *grant[1:]))
    return found


def granted(client: Client, roles: dict[str, str]) -> dict[str, set[tuple[str, str]]]:
    """What each role may do: logical name -> (action, resource)."""
    found = {logical: grants(_policy(client("iam"), role)) for logical, role in roles.items()}
    return {logical: {grant[1:] for grant in given} for logical, given in found.items()}


def wide(client: Client, roles: dict[str, str], calls: list[Call]) -> list[tuple[str, str]]:
    """Role and pattern of each resource that is granted wider than the role's calls need."""
    return [
        (logical, pattern)
        for logical, given in granted(client, roles).items()
        for pattern in sorted({resource for _, resource in given})
        if is_wide(pattern, reached(pattern, given, [call for call in calls if call["role"] == roles[logical]]))
    ]


def reached(pattern: str, given: set[tuple[str, str]], calls: list[Call]) -> set[str]:
    """What a role's calls reach by one of its patterns."""
    actions = {action for action, resource in given if resource == pattern}
    return {
        call["resource"]
        for call in calls
        if call["action"] in actions and fnmatchcase(call["resource"], pattern.replace("[", "[[]"))
    }


def is_wide(pattern: str, resources: set[str]) -> bool:
    """Whether all these resources are one, or lie in one folder below the pattern's, so that this would do.

    A log group's pattern ends in `:*`, as AWS writes its ARN: it means the group's streams. A `*` alone is AWS's own.
    """
    if pattern == "*" or not pattern.endswith("*") or GROUP.fullmatch(pattern):
        return False
    return len({re.split("[/:]", resource[len(pattern) - 1 :])[0] for resource in resources}) <= 1


def grants(policy: dict[str, Any]) -> list[Grant]:
    """A policy's statements, taken apart."""
    return [
        (place, action, resource)
        for place, statement in enumerate(policy["Statement"])
        for action in listed(statement["Action"])
        for resource in listed(statement["Resource"])
    ]


def listed(value: Any) -> list[str]:
    return value if isinstance(value, list) else [value]


def _policy(iam: Any, role: str) -> dict[str, Any]:
    """All that a role's own policies say; it has no others."""
    assert not iam.list_attached_role_policies(RoleName=role)["AttachedPolicies"], role
    names = iam.list_role_policies(RoleName=role)["PolicyNames"]
    documents = [iam.get_role_policy(RoleName=role, PolicyName=name)["PolicyDocument"] for name in names]
    return {"Statement": [statement for document in documents for statement in document["Statement"]]}


def _allowed(iam: Any, given: list[Grant], call: Call) -> bool:
    """What IAM says to a call under a policy of these grants, conditions aside: they were met when it was made."""
    statements = [{"Effect": "Allow", "Action": action, "Resource": resource} for _, action, resource in given]
    document = json.dumps({"Version": "2012-10-17", "Statement": statements})
    asked = {"ActionNames": [call["action"]], "ResourceArns": [call["resource"]]}
    (answer,) = iam.simulate_custom_policy(PolicyInputList=[document], **asked)["EvaluationResults"]
    return answer["EvalDecision"] == "allowed"
