"""The doctor says of each need whether it is met, and what to do where it is not. It never shows a traceback."""

import http.server
import json
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path
from typing import Any

import ports
import pytest

from recsys import aws, deploy, doctor, files, params
from recsys.deploy import cleanup
from recsys.doctor import account, machine, quotas
from recsys.errors import NotKnown, RecsysError
from recsys.local.processes import occupant

Rows = dict[str, dict[str, str]]
Client = Callable[[str], Any]


def values(endpoint: str | None, **settings: Any) -> params.Params:
    given = [f"aws.{name}={value}" for name, value in settings.items()]
    return params.load(settings=[f"aws.endpoint={endpoint or 'null'}", *given], environment={})[0]


def examine(endpoint: str, **settings: Any) -> Rows:
    aws.client.cache_clear()
    return {row["check"]: row for row in doctor.examine(values(endpoint, **settings), occupant)}


@pytest.fixture(scope="module")
def rows(embedded: Any) -> Rows:
    return examine(embedded.endpoint)


@pytest.fixture
def stranger() -> Iterator[Any]:
    """A server on loopback that is no AWS; `date` is the time it tells."""

    class Answer(http.server.BaseHTTPRequestHandler):
        date = format_datetime(datetime.now(UTC), usegmt=True)

        def do_GET(self) -> None:
            self.send_response_only(404)
            self.send_header("Date", self.date)
            self.end_headers()

        do_POST = do_GET

        def log_message(self, *_: Any) -> None:
            pass

    server = http.server.HTTPServer(("127.0.0.1", 0), Answer)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    Answer.endpoint = f"http://127.0.0.1:{server.server_port}"
    yield Answer
    server.shutdown()
    server.server_close()


@pytest.fixture
def grown(embedded: Any) -> Iterator[Callable[..., params.Params]]:
    """`grown(AccessLogs="true")`: the doctor's parameters for a stack deployed with these."""
    aws.client.cache_clear()
    chosen = values(embedded.endpoint, environment_suffix="doctor")

    def grow(**given: Any) -> params.Params:
        deploy.deploy(chosen.stack_name, {"EnvironmentSuffix": "doctor", **given}, {})
        return chosen

    yield grow
    assert cleanup.destroy("shop-doctor", chosen.stack_name) == []


def test_all_is_well_on_the_embedded_aws(rows: Rows) -> None:
    assert [row for row in rows.values() if row["ok"] == "no"] == []
    assert "the embedded AWS, process" in rows["endpoint"]["found"]
    assert "50 + 1" in rows["Lambda concurrency"]["found"]
    assert "requirements.lock" not in rows["packages"]["found"]  # `make setup` installs what is locked


def test_without_credentials_it_is_not_the_clock_that_is_blamed(
    embedded: Any, stranger: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in {"AWS_CONFIG_FILE": "/nowhere", "AWS_SHARED_CREDENTIALS_FILE": "/nowhere"}.items():
        monkeypatch.setenv(name, value)
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_ENDPOINT_URL", stranger.endpoint)
    found = examine("")
    assert (found["clock"]["ok"], found["credentials"]["ok"]) == ("yes", "no")
    assert "AWS credentials are missing" in found["credentials"]["found"]


def test_a_service_that_is_asked_elsewhere_is_told(embedded: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", "https://elsewhere.example")
    assert "but AWS_ENDPOINT_URL_S3 is https://elsewhere.example" in examine(embedded.endpoint)["endpoint"]["found"]


def test_where_nothing_answers_the_rest_is_not_asked(embedded: Any) -> None:
    port = ports.free_port()
    found = examine(f"http://127.0.0.1:{port}")
    assert f"recsys local up --port {port}" in found["endpoint"]["found"]
    assert {found[name]["ok"] for name in ("clock", "credentials", *doctor.THERE)} == {"?"}
    assert found["Python"]["ok"] == "yes"


def test_who_sits_on_the_port_is_named(embedded: Any, stranger: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", stranger.endpoint)
    row = examine(stranger.endpoint)["endpoint"]
    assert row["ok"] == "no"
    assert "is held by process" in row["found"]
    assert "take another port" in row["found"]


@pytest.mark.parametrize("minutes", [-9, 9])
def test_a_clock_that_is_off_is_told(
    embedded: Any, stranger: Any, monkeypatch: pytest.MonkeyPatch, minutes: int
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", stranger.endpoint)
    aws.client.cache_clear()
    stranger.date = format_datetime(datetime.now(UTC) + timedelta(minutes=minutes), usegmt=True)
    with pytest.raises(RecsysError, match="ahead of" if minutes < 0 else "behind"):
        machine.clock(values(stranger.endpoint))
    aws.client.cache_clear()


def test_where_nothing_answers_it_says_where_to_look(monkeypatch: pytest.MonkeyPatch) -> None:
    nobody = f"http://127.0.0.1:{ports.free_port()}"
    monkeypatch.setenv("AWS_ENDPOINT_URL", nobody)
    aws.client.cache_clear()
    with pytest.raises(RecsysError, match=rf"{nobody}.* cannot be reached \(.*\): look at network"):
        machine.clock(values(nobody))
    aws.client.cache_clear()


def test_a_package_that_is_missing_or_too_old_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "pyproject.toml").write_text('[project]\ndependencies = ["boto3>=999", "not-there>=1", "pytest"]\n')
    asked = values(None)
    monkeypatch.setattr(files, "root", lambda: tmp_path)
    with pytest.raises(RecsysError, match=r"boto3 \S+ is not >=999, not-there is not installed; run: make setup"):
        machine.packages(asked)


def test_a_region_without_personalize_is_refused(embedded: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-north-1")
    with pytest.raises(RecsysError, match=r"Personalize is not offered in eu-north-1; .*us-east-1"):
        account.region(values(None))


def test_a_share_that_the_account_has_no_room_for_is_told_with_what_to_set(grown: Callable[..., Any]) -> None:
    with pytest.raises(RecsysError, match=r"950 \+ 1 .* of 1000 only .* recsys deploy ReservedConcurrency=\d+"):
        account.concurrency(grown(ReservedConcurrency=950))


@pytest.fixture
def answering(embedded: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str, dict[str, Any]], None]]:
    """`answering("kinesis", {...})`: a service that the embedded AWS does not know in full, and answers just that."""
    servers = []

    def begin(service: str, body: dict[str, Any]) -> None:
        class Service(http.server.BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                self.rfile.read(int(self.headers["Content-Length"]))
                text = json.dumps(body).encode()
                self.send_response(200)
                self.send_header("Content-Length", str(len(text)))
                self.end_headers()
                self.wfile.write(text)

            def log_message(self, *_: Any) -> None:
                pass

        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Service)
        servers.append(server)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        monkeypatch.setenv(f"AWS_ENDPOINT_URL_{service.upper()}", f"http://127.0.0.1:{server.server_port}")
        aws.client.cache_clear()

    yield begin
    for server in servers:
        server.shutdown()
        server.server_close()
    monkeypatch.undo()
    aws.client.cache_clear()


def quota_list(**quotas: int) -> dict[str, Any]:
    return {"Quotas": [{"QuotaName": name.replace("_", " "), "Value": value} for name, value in quotas.items()]}


class TestQuotas:
    def test_of_an_account_that_may_start_no_instance_are_told_with_their_remedy(
        self, embedded: Any, answering: Callable
    ) -> None:
        names = ("ml.m5.xlarge_for_spot_training_job", "ml.m5.large_for_endpoint", "ml.m5.large_for_transform_job")
        enough = {f"{name}_usage": 2 for name in names}
        answering("service_quotas", quota_list(**enough))
        assert "2 ml.m5.xlarge for spot training job usage" in quotas.instances(values(embedded.endpoint))
        answering("service_quotas", quota_list(**enough | {f"{names[0]}_usage": 0}))
        told = r"^0 ml.m5.xlarge for spot training job usage, 1 needed: raise the quota in .*sagemaker.spot_training"
        with pytest.raises(RecsysError, match=told):
            quotas.instances(values(embedded.endpoint))
        chosen = params.load(settings=["sagemaker.spot_training=false"], environment={})[0]
        with pytest.raises(NotKnown, match=r"nothing of ml\.m5\.xlarge for training job usage"):
            quotas.instances(chosen)

    def test_of_shards_count_what_others_use(self, grown: Callable[..., Any], answering: Callable) -> None:
        chosen = grown(TrackingId="t", ShardCount=4)
        answering("kinesis", {"ShardLimit": 10, "OpenShardCount": 10})
        assert quotas.shards(chosen) == "4 shards wanted, 6 of 10 used by others"
        answering("kinesis", {"ShardLimit": 9, "OpenShardCount": 10})
        with pytest.raises(RecsysError, match=r"4 shards wanted, 6 of 9 used by others: fewer .*stream\.shard_count"):
            quotas.shards(chosen)

    def test_of_a_dataset_group_leave_room_for_what_the_notebooks_make(
        self, embedded: Any, answering: Callable
    ) -> None:
        answering("service_quotas", quota_list(Active_campaigns=3, Active_solutions=2, Dataset_groups=500))
        with pytest.raises(
            RecsysError, match=r"0 of 2 solutions in use .*3 more wanted: delete some, or raise the quota"
        ):
            quotas.solutions_and_campaigns(values(embedded.endpoint))
        answering("service_quotas", quota_list(Active_campaigns=3, Active_solutions=3, Dataset_groups=500))
        assert "0 of 3 campaigns in use" in quotas.solutions_and_campaigns(values(embedded.endpoint))

    def test_that_the_embedded_aws_does_not_know_are_passed_over_with_the_reason(self, rows: Rows) -> None:
        for name in ("SageMaker quotas", "Kinesis quota"):
            assert rows[name]["ok"] == "?" and "does not tell" in rows[name]["found"]


def test_access_logs_need_a_role_of_the_account(grown: Callable[..., Any], client: Client) -> None:
    chosen = grown(AccessLogs="true")
    with pytest.raises(RecsysError, match="the account has no role for API Gateway's logs"):
        account.access_logs(chosen)
    change = {"op": "replace", "path": "/cloudwatchRoleArn", "value": "arn:aws:iam::000000000000:role/logs"}
    client("apigateway").update_account(patchOperations=[change])
    assert account.access_logs(chosen) == "written with arn:aws:iam::000000000000:role/logs"
    client("apigateway").update_account(patchOperations=[{"op": "remove", "path": "/cloudwatchRoleArn"}])


def test_the_image_of_notebook_06_is_missed_before_anything_is_billed(embedded: Any, client: Client) -> None:
    aws.client.cache_clear()
    assert account.container_image(values(embedded.endpoint)).startswith("none is needed")
    uri = "000000000000.dkr.ecr.us-east-1.amazonaws.com/recsys:latest"
    missing = f"{uri} is not there.* create-repository .*docker build --platform linux/amd64 .* docker push {uri}"
    with pytest.raises(RecsysError, match=missing):
        account.container_image(values(None))
    client("ecr").create_repository(repositoryName="recsys")
    with pytest.raises(RecsysError, match=missing):
        account.container_image(values(None))
    client("ecr").put_image(repositoryName="recsys", imageManifest="{}", imageTag="latest")
    assert account.container_image(values(None)) == uri
    client("ecr").delete_repository(repositoryName="recsys", force=True)


def test_an_image_that_the_stacks_role_may_not_fetch_is_told(embedded: Any) -> None:
    aws.client.cache_clear()
    given = ["aws.endpoint=null", "sagemaker.container_image=000000000000.dkr.ecr.us-east-1.amazonaws.com/shop:1"]
    with pytest.raises(RecsysError, match=r"may fetch from 000000000000.dkr.ecr.us-east-1.amazonaws.com/recsys alone"):
        account.container_image(params.load(settings=given, environment={})[0])


def test_a_role_that_personalize_may_not_take_on_is_told(grown: Callable[..., Any], client: Client) -> None:
    chosen = grown()
    assert account.personalize_role(chosen).endswith("trusts Personalize")
    role = deploy.describe(chosen.stack_name)["Outputs"]
    name = next(entry["OutputValue"] for entry in role if entry["OutputKey"] == "RoleArn").rsplit("/", 1)[1]
    nobody = {"Version": "2012-10-17", "Statement": [{"Effect": "Deny", "Principal": "*", "Action": "sts:AssumeRole"}]}
    client("iam").update_assume_role_policy(RoleName=name, PolicyDocument=json.dumps(nobody))
    with pytest.raises(RecsysError, match=r"does not trust personalize.amazonaws.com"):
        account.personalize_role(chosen)


def test_a_caller_who_may_make_no_roles_is_told(embedded: Any, client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    client("iam").create_user(UserName="reader")
    key = client("iam").create_access_key(UserName="reader")["AccessKey"]
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", key["AccessKeyId"])
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", key["SecretAccessKey"])
    aws.client.cache_clear()
    with pytest.raises(RecsysError, match="user/reader may not iam:CreateRole"):
        account.may_make_roles(values(embedded.endpoint))
    aws.client.cache_clear()
    client("iam").delete_access_key(UserName="reader", AccessKeyId=key["AccessKeyId"])
    client("iam").delete_user(UserName="reader")
