"""What was found of an environment, by kind, for a person to look over."""

import re
from collections.abc import Sequence

import pandas as pd

ARN = re.compile(r"arn:[^:]+:(?P<service>[^:]+):[^:]*:[^:]*:(?P<kind>[^/:]+)[/:](?P<name>[^ ]*[^ ,:])")
OF_A_STACK = re.compile(r"AWS::(?P<service>\w+)::(?P<kind>\w+) (?P<name>[^ ]*[^ ,:])")
CONTENTS = re.compile(r"(?P<count>[\d,]+) objects and versions in s3://(?P<name>.+)")


def inventory(lines: Sequence[str]) -> pd.DataFrame:
    """What `find` found, counted: columns what, how many, such as; kinds in the order in which they would go."""
    rows = pd.DataFrame([_told(line) for line in lines], columns=["what", "how many", "such as"])
    return rows.groupby("what", sort=False, as_index=False).agg({"how many": "sum", "such as": "first"})


def _told(line: str) -> tuple[str, int, str]:
    if contents := CONTENTS.match(line):
        return "S3 object or version", int(contents["count"].replace(",", "")), contents["name"]
    found = ARN.match(line) or OF_A_STACK.match(line)
    return (f"{found['service']} {found['kind']}", 1, found["name"]) if found else (line, 1, "")
