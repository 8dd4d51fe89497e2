"""The Lambda zips: always the same for the same code, small, and whole."""

import io
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import boto3
import pytest

from recsys.deploy import package

# Runs in an interpreter without site-packages: only the zip, and what AWS's runtime brings.
CLEAN = """
import os, sys
from importlib.machinery import PathFinder

class Runtime:
    def find_spec(self, name, path=None, target=None):
        if path is None and name in ("boto3", "botocore", "s3transfer", "urllib3", "dateutil", "six"):
            return PathFinder.find_spec(name, [sys.argv[2]])

sys.path.insert(0, sys.argv[1])
sys.meta_path.append(Runtime())
"""
SETTINGS = {
    "AWS_DEFAULT_REGION": "us-east-1",
    "TABLE_NAME": "profiles",
    "PROFILE_DAYS": "365",
    "QUEUE_URL": "queue",
    "TRACKING_ID": "tracker",
    "ENVIRONMENT": "test",
    "CAMPAIGN_ARN": "campaign",
    "ENDPOINT_NAME": "",
    "SIMILAR_ITEMS_CAMPAIGN_ARN": "",
    "RANKING_CAMPAIGN_ARN": "",
    "FILTERS": "{}",
    "EXPERIMENTS": "{}",
    "SOLUTION_VERSION_ARN": "",
    "BUCKET_NAME": "bucket",
    "STREAM_NAME": "",
    "ALLOWED_ORIGIN": "*",
    "ACTIVE_DAYS": "30",
    "MAX_FAILED_PERCENT": "5",
}


def in_clean_interpreter(function: str, code: str, folder: Path) -> str:
    """What `code` prints in an interpreter that sees the function's zip, boto3 and nothing else."""
    archive = folder / f"{function}.zip"
    archive.write_bytes(package.build(function).data)
    site = str(Path(boto3.__file__).parents[1])
    done = subprocess.run(
        [sys.executable, "-I", "-S", "-c", CLEAN + code, str(archive), site],
        env={**SETTINGS, "PATH": os.environ["PATH"]},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip().splitlines()[-1]


@pytest.fixture(params=package.FUNCTIONS)
def function(request: pytest.FixtureRequest) -> str:
    return request.param


def names(function: str) -> list[str]:
    return zipfile.ZipFile(io.BytesIO(package.build(function).data)).namelist()


def test_the_same_code_makes_the_same_bytes(function: str) -> None:
    first, second = package.build(function), package.build(function)
    assert (first.key, first.data) == (second.key, second.data)


def test_changed_code_makes_another_name(function: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = package.build(function).key
    copy = tmp_path / "lambdas"
    (copy / function).mkdir(parents=True)
    for path in [*package.LAMBDAS.glob("*.py"), *(package.LAMBDAS / function).glob("*.py")]:
        (copy / path.relative_to(package.LAMBDAS)).write_bytes(path.read_bytes())
    monkeypatch.setattr(package, "LAMBDAS", copy)
    assert package.build(function).key == before
    (copy / function / "handler.py").write_text("changed = True\n")
    assert package.build(function).key != before


def test_a_zip_is_small_and_carries_neither_boto3_nor_pandas(function: str) -> None:
    assert len(package.build(function).data) < package.LIMIT
    assert not [name for name in names(function) if name.split("/")[0] in ("boto3", "botocore", "pandas", "numpy")]


def test_a_zip_holds_only_its_own_function(function: str) -> None:
    folders = {name.split("/")[1] for name in names(function) if name.startswith("lambdas/") and name.count("/") > 1}
    assert folders == {function}


def test_the_stream_processor_needs_nothing_beyond_its_zip_and_boto3(tmp_path: Path) -> None:
    code = """
from lambdas.stream_processor import handler
answer = handler.handler({"Records": []}, None)
print(answer["batchItemFailures"], handler.processor.event_type.name, "pydantic" in sys.modules)
"""
    assert in_clean_interpreter("stream_processor", code, tmp_path) == "[] KinesisDataStreams False"


def test_the_api_needs_nothing_beyond_its_zip_and_boto3(tmp_path: Path) -> None:
    code = """
from lambdas.recommendation_api.handler import handler
event = {"path": "/health", "httpMethod": "GET", "headers": None, "requestContext": {}}
event |= {"queryStringParameters": None, "multiValueQueryStringParameters": None, "body": None}
print(handler(event, None)["statusCode"], handler({**event, "path": "/x"}, None)["statusCode"])
"""
    assert in_clean_interpreter("recommendation_api", code, tmp_path) == "200 404"


def test_the_batch_processor_needs_nothing_beyond_its_zip_and_boto3(tmp_path: Path) -> None:
    code = """
from lambdas.batch_processor import handler
print(handler.asked({"date": "2026-11-28"}), handler.metrics.namespace, "pydantic" in sys.modules)
"""
    assert in_clean_interpreter("batch_processor", code, tmp_path) == "('2026-11-28', False) Recsys False"
