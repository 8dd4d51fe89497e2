"""The CloudFormation template as a deployment sends it, and what is in it."""

import difflib
import hashlib
import json
import re
from collections import Counter
from collections.abc import Iterable, Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

import yaml

from recsys.errors import AwsError

TEMPLATE = Path(__file__).parent.parent / "infra" / "template.yaml"
# Its nested parts, which lie in S3 beside the code, by the parameter that says where.
NAMES = ("permitting", "watching", "retraining", "guarding")
PARTS = {f"{name.title()}Key": TEMPLATE.with_name(f"{name}.yaml") for name in NAMES}


def body(values: Mapping[str, Any]) -> str:
    """The template's text for these parameters, its API deployment named after a digest of the API.

    A deployment is a snapshot that never changes: only another name makes CloudFormation take a new one. The parameters
    that the API's resources name count, as do the choice of an authorizer and what its function is called by: the API
    knows the function's ARN.
    """
    every = content()["Resources"]
    api = {name: each for name, each in every.items() if each["Type"].startswith("AWS::ApiGateway::")}
    api["function"] = every["RecommendationApi"]["Properties"]["FunctionName"]
    text = json.dumps(api, sort_keys=True)
    named = {name for name in parameters() if re.search(rf'"{name}"|\$\{{{name}\}}', text)}
    given = {name: str(values.get(name, content()["Parameters"][name].get("Default"))) for name in sorted(named)}
    digest = hashlib.sha256((text + json.dumps(given)).encode()).hexdigest()[:10]
    return re.sub(r"\bApiDeployment\b", f"ApiDeployment{digest}", TEMPLATE.read_text())


def parameters() -> set[str]:
    """Names of the template's parameters."""
    return set(content()["Parameters"])


def defaults() -> dict[str, str]:
    """What each parameter is where none is given."""
    return {name: str(each["Default"]) for name, each in content()["Parameters"].items()}


def resources(*conditions: str | None) -> dict[str, int]:
    """Types and counts of the resources that come with any of the conditions; None: of those that are always there."""
    every = content()["Resources"].values()
    return dict(Counter(resource["Type"] for resource in every if resource.get("Condition") in conditions))


def kinds() -> Counter[str]:
    """Types and counts of all resources, those of the nested parts too."""
    every = [resource for path in (None, *PARTS.values()) for resource in content(path)["Resources"].values()]
    return Counter(resource["Type"] for resource in every)


def check(names: Iterable[str]) -> None:
    """Raises AwsError for a parameter the template does not have."""
    for name in names:
        if name not in parameters():
            near = difflib.get_close_matches(name, parameters(), 1)
            raise AwsError(f"{TEMPLATE.name} has no parameter {name}" + (f"; did you mean {near[0]}?" if near else ""))


@lru_cache
def content(path: Path | None = None) -> dict[str, Any]:
    """The parsed template, or a part of it; a short form such as `!Ref x` reads as the list ["Ref", "x"]."""
    return yaml.load((path or TEMPLATE).read_text(), Loader=_Loader)


class _Loader(yaml.CSafeLoader):
    """YAML with CloudFormation's short forms."""


def _short_form(loader: yaml.CSafeLoader, suffix: str, node: yaml.Node) -> Any:
    if isinstance(node, yaml.ScalarNode):
        return [suffix, loader.construct_scalar(node)]
    if isinstance(node, yaml.SequenceNode):
        return [suffix, loader.construct_sequence(node, deep=True)]
    return [suffix, loader.construct_mapping(node, deep=True)]


_Loader.add_multi_constructor("!", _short_form)
