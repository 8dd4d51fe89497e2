"""Numbers and environments that Lambda refuses and MiniStack takes."""

import json
from collections.abc import Mapping
from typing import Any

from ministack.core.responses import error_response_json
from ministack.services import lambda_svc

from recsys.local.aws import MiniStackResponse

ERROR = "1 validation error detected: Value {} at '{}' failed to satisfy constraint: Member must {}"
RANGES = {"timeout": (1, 900), "memorySize": (128, 10_240)}
ENVIRONMENT = 4096  # bytes
TOO_MUCH = (
    "Lambda was unable to configure your environment variables because the environment variables you have provided "
    "exceeded the 4KB limit. String measured: {}"
)


def install() -> None:
    """Look before a function is made or changed."""
    create, update = lambda_svc._create_function, lambda_svc._update_config
    lambda_svc._create_function = lambda given: refused(given) or create(given)
    lambda_svc._update_config = lambda name, given: refused(given) or update(name, given)


def refused(given: Mapping[str, Any]) -> MiniStackResponse | None:
    """Lambda's refusal of a function's settings; None where they may be."""
    if found := out_of_range(given, RANGES):
        return found
    measured = json.dumps((given.get("Environment") or {}).get("Variables") or {}, separators=(",", ":"))
    if len(measured.encode()) > ENVIRONMENT:
        return error_response_json("InvalidParameterValueException", TOO_MUCH.format(measured), 400)
    return None


def out_of_range(given: Mapping[str, Any], ranges: Mapping[str, tuple[int, int]]) -> MiniStackResponse | None:
    """The refusal of the first number outside its range, whose ends belong to it; None where all are inside."""
    for member, (least, most) in ranges.items():
        asked = given.get(member[0].upper() + member[1:])
        value = least if asked is None else int(asked)
        if not least <= value <= most:
            bound = f"greater than or equal to {least}" if value < least else f"less than or equal to {most}"
            told = ERROR.format(f"'{value}'", member, f"have value {bound}")
            return error_response_json("ValidationException", told, 400)
    return None
