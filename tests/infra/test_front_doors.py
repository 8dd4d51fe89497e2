"""Other ways in than `recsys run`: each deploys the one template. What is not installed is skipped, and says so."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from shell import recsys

from recsys import aws, deploy
from recsys.deploy import cleanup, template

INFRA = Path(template.TEMPLATE).parent
CLI = Path(sys.executable).with_name("aws")
TRACKED = "TrackingId=00000000-0000-4000-8000-000000000000"


@pytest.fixture
def suffix(embedded: Any, request: pytest.FixtureRequest) -> Iterator[str]:
    """Of an environment that is removed at the end, however it was made."""
    aws.client.cache_clear()
    name = f"door-{abs(hash(request.node.name)) % 10**6}"
    yield name
    assert cleanup.destroy(f"shop-{name}", f"recsys-{name}") == []


def run(*command: Any, folder: Path | None = None, given: str = "", ok: bool = True) -> str:
    """The output of a command that finds this environment's programs; it must succeed."""
    path = os.pathsep.join([str(CLI.parent), os.environ["PATH"]])
    done = subprocess.run(
        [*map(str, command)],
        cwd=folder,
        input=given,
        capture_output=True,
        text=True,
        timeout=300,
        env={**os.environ, "PATH": path, "AWS_PAGER": ""},
    )
    assert not ok or done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


def outputs(suffix: str) -> dict[str, str]:
    return deploy.stack.outputs(deploy.describe(f"recsys-{suffix}"))


def needs(program: str) -> str:
    found = shutil.which(program)
    if not found:
        pytest.skip(f"{program} is not installed")
    return found


class TestTheScripts:
    def test_deploy_and_destroy(self, suffix: str) -> None:
        shown = run(INFRA / "scripts/deploy.sh", "--yes", suffix, TRACKED, "ShardCount=2", "AuditData=true")
        assert outputs(suffix)["StreamName"] in shown
        aws.client("s3").put_object(Bucket=outputs(suffix)["BucketName"], Key="in-the-way", Body=b"x")
        assert f"recsys-{suffix} is gone" in run(INFRA / "scripts/destroy.sh", "--yes", suffix)
        assert not [each["Name"] for each in aws.client("s3").list_buckets()["Buckets"] if suffix in each["Name"]]
        assert "there is no stack" in run(INFRA / "scripts/destroy.sh", "--yes", suffix)

    def test_keep_what_was_given_earlier_and_put_the_code_where_it_is_wanted(self, suffix: str) -> None:
        bucket, campaign = f"code-{suffix}", "CampaignArn=arn:aws:personalize:us-east-1:1:campaign/c"
        aws.client("s3").create_bucket(Bucket=bucket)
        given = (campaign, "ApiRateLimit=7", f"CodeBucket={bucket}", 'Filters={"a b": 1}')
        run(INFRA / "scripts/deploy.sh", "--yes", suffix, *given)
        assert aws.client("s3").list_objects_v2(Bucket=bucket)["KeyCount"] > 3
        assert "No changes to deploy" in run(INFRA / "scripts/deploy.sh", "--yes", suffix)
        assert deploy.stack.values_of(deploy.describe(f"recsys-{suffix}"))["Filters"] == '{"a b": 1}'
        assert aws.client("s3").list_objects_v2(Bucket=outputs(suffix)["BucketName"])["KeyCount"] == 0
        run("aws", "s3", "rb", "--force", f"s3://{bucket}")

    def test_ask_first_and_take_no_for_an_answer(self, suffix: str) -> None:
        assert "nothing was changed" in run(INFRA / "scripts/deploy.sh", suffix, given="n\n", ok=False)
        assert deploy.describe(f"recsys-{suffix}") is None


class TestTheCommand:
    def test_deploys_without_notebooks(self, suffix: str, embedded: Any) -> None:
        settings = ["--set", f"aws.environment_suffix={suffix}", "--set", f"aws.endpoint={embedded.endpoint}"]
        shown = recsys("deploy", *settings, TRACKED, "--json").stdout
        rows = {row["output"]: row["value"] for row in json.loads(shown)}
        assert rows == outputs(suffix) and rows["StreamName"]
        named = deploy.stack.values_of(deploy.describe(f"recsys-{suffix}"))["CampaignName"]
        assert named == f"real-time-recommendations-{suffix}"

    def test_names_the_bucket_of_the_code_beside_what_lies_there(self, embedded: Any) -> None:
        aws.client.cache_clear()
        aws.client("s3").create_bucket(Bucket="zips-of-code")
        first, *rest = recsys("package", "--bucket", "zips-of-code").stdout.splitlines()
        named = dict(line.split("=") for line in rest)
        assert first == "CodeBucket=zips-of-code" and template.parameters() >= named.keys() and named
        listed = aws.client("s3").list_objects_v2(Bucket="zips-of-code")["Contents"]
        assert {entry["Key"] for entry in listed} == set(named.values())
        run("aws", "s3", "rb", "--force", "s3://zips-of-code")

    def test_prints_a_template_whose_api_is_deployed_anew_where_it_changes(self) -> None:
        plain, again, keyed = (recsys("template", *given).stdout for given in ((), (), ("ApiKeyRequired=true",)))
        assert plain == again != keyed
        assert "no parameter ApiKey; did you mean" in recsys("template", "ApiKey=1").stderr

    def test_says_what_a_parameter_looks_like(self) -> None:
        assert "ShardCount: expected NAME=VALUE" in recsys("deploy", "ShardCount").stderr

    def test_counts_the_sizes_it_is_given_and_leaves_the_stack_its_name(self) -> None:
        def refused(*given: str) -> str:
            return recsys("deploy", "--params", "params/aws.yaml", *given).stderr

        assert "more than --max-usd 20" in refused("ShardCount=200", "--max-usd", "20")
        for dear in ("CacheClusterSize=237", "StreamRetentionHours=168"):
            assert "more than --max-usd 50" in refused(dear, "ShardCount=60", "--max-usd", "50")
        assert "no price is known of WebAclArn" in refused("WebAclArn=arn:aws:wafv2:a", "--max-usd", "1000")
        assert "names the stack too" in refused("EnvironmentSuffix=x")


class TestTerraform:
    @pytest.fixture
    def module(self, tmp_path: Path) -> Path:
        """A copy of the module with its provider, which a mirror or a network must offer."""
        program, folder = needs("terraform"), tmp_path / "infra"
        shutil.copytree(INFRA / "terraform", folder / "terraform")
        shutil.copy(INFRA / "template.yaml", folder)
        done = subprocess.run(
            [program, "init", "-input=false", "-no-color"], cwd=folder / "terraform", capture_output=True, text=True
        )
        if done.returncode:
            reason = next((line for line in done.stderr.splitlines() if "Error" in line), done.stderr)
            pytest.skip(f"terraform finds no AWS provider: {reason.strip()}")
        return folder / "terraform"

    def test_the_module_is_valid_and_well_formed(self, module: Path) -> None:
        run("terraform", "validate", "-no-color", folder=module)
        run("terraform", "fmt", "-check", "-diff", folder=module)

    def test_apply_makes_the_stack_and_destroy_removes_it(self, module: Path, suffix: str) -> None:
        variables = ("-auto-approve", "-no-color", "-input=false", f"-var=environment_suffix={suffix}")
        shown = run("terraform", "apply", *variables, folder=module)
        assert outputs(suffix)["BucketName"] in shown
        run("terraform", "destroy", *variables, folder=module)
        assert deploy.describe(f"recsys-{suffix}") is None


def synthesised(folder: Path, command: list[str], out: Path) -> dict[str, Any]:
    """The template that a CDK app makes."""
    done = subprocess.run(
        command, cwd=folder, capture_output=True, text=True, timeout=300, env={**os.environ, "CDK_OUTDIR": str(out)}
    )
    assert done.returncode == 0, done.stderr
    return json.loads((out / "Recsys.template.json").read_text())


def includes_everything(made: dict[str, Any]) -> bool:
    ours = template.content()
    same = {part: made[part].keys() == ours[part].keys() for part in ("Parameters", "Resources", "Outputs", "Rules")}
    return all(same.values()) and made["Conditions"].keys() == ours["Conditions"].keys()


def test_cdk_in_python_makes_the_same_stack(tmp_path: Path) -> None:
    pytest.importorskip("aws_cdk", reason="aws-cdk-lib is not installed")
    needs("node")
    assert includes_everything(synthesised(INFRA / "cdk/python", [sys.executable, "app.py"], tmp_path))


def test_cdk_in_typescript_makes_the_same_stack(tmp_path: Path) -> None:
    folder = INFRA / "cdk/typescript"
    if not (folder / "node_modules").is_dir():
        pytest.skip(f"no node_modules in {folder.name}: npm install there first")
    assert includes_everything(synthesised(folder, [needs("npx"), "ts-node", "app.ts"], tmp_path))
