"""Templates and requests that CloudFormation refuses before it makes anything, and MiniStack takes.

- IAM resources need the request's acknowledgement; MiniStack asks for it under AUTH=true only.
- A parameter that the template does not have, a reference to what is not in it, resources that wait for each other,
  a template without resources, a null anywhere.
"""

from collections.abc import Callable, Iterator
from typing import Any

from ministack.services.cloudformation import changesets, engine, handlers

Template = dict[str, Any]
BLOCKS = ("Resources", "Outputs")


def install() -> None:
    """Look before a stack or a change set is made, and before a template is found valid."""
    handlers._capabilities_enforced = lambda: True
    engine._validate_template_statics = _and_whole(engine._validate_template_statics)
    resolve = _of_the_template(engine._resolve_parameters)
    engine._resolve_parameters = handlers._resolve_parameters = changesets._resolve_parameters = resolve


def _of_the_template(resolve: Callable[..., dict]) -> Callable[..., dict]:
    """MiniStack's ignores a parameter that the template does not have; here it is refused."""

    def resolved(template: Template, provided: list[dict], *previous: Any) -> dict:
        if unknown := sorted({each["Key"] for each in provided} - (template.get("Parameters") or {}).keys()):
            raise ValueError(f"Parameters: [{', '.join(unknown)}] do not exist in the template")
        return resolve(template, provided, *previous)

    return resolved


def _and_whole(check: Callable[[Template], None]) -> Callable[[Template], None]:
    """MiniStack's takes a template without resources, with nulls or references to nothing; here it is refused."""

    def checked(template: Template) -> None:
        if not template.get("Resources"):
            raise ValueError("Template format error: At least one Resources member must be defined.")
        if path := next(_nulls(template, ""), None):
            raise ValueError(f"Template format error: [{path}] 'null' values are not allowed in templates")
        if not template.get("Transform"):  # a macro may still make what is referred to
            _check_references(template)
        check(template)

    return checked


def _nulls(value: Any, path: str) -> Iterator[str]:
    """Where nulls stand, as /Resources/Name/Properties."""
    if value is None:
        yield path
    named = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for name, member in named:
        yield from _nulls(member, f"{path}/{name}")


def _check_references(template: Template) -> None:
    there = template["Resources"].keys() | (template.get("Parameters") or {}).keys()
    for block in BLOCKS:
        if unknown := sorted({name for name in _named(template.get(block) or {}) if name not in there}):
            told = f"Unresolved resource dependencies [{', '.join(unknown)}] in the {block} block of the template"
            raise ValueError(f"Template format error: {told}")
    engine._topological_sort(template["Resources"], {})  # raises ValueError on a circle


def _named(block: dict[str, Any]) -> Iterator[str]:
    yield from (name for name, _ in engine._intrinsic_references(block) if not name.startswith("AWS::"))
    for member in block.values():
        needed = member.get("DependsOn", []) if isinstance(member, dict) else []
        yield from [needed] if isinstance(needed, str) else needed
