"""The environment MiniStack reads when it is imported: loopback only, nothing else listening, state where we say."""

import os
import sys
from pathlib import Path

REGION = "us-east-1"
ACCOUNT = "000000000000"


def prepare(address: str, port: int, state: Path) -> None:
    """Set this process's environment for MiniStack; to be called before it is imported.

    A user's own AWS settings and proxies are taken out first: Lambda workers inherit this environment, and neither they
    nor the server may ever reach a real account, or miss this one.
    """
    state.mkdir(parents=True, exist_ok=True)
    for name in [name for name in os.environ if name.startswith("AWS_") or name.lower().endswith("_proxy")]:
        del os.environ[name]
    os.environ.update(
        AWS_ENDPOINT_URL=f"http://{address}:{port}",
        AWS_ACCESS_KEY_ID="test",
        AWS_SECRET_ACCESS_KEY="test",
        AWS_DEFAULT_REGION=REGION,
        AWS_REGION=REGION,
        AWS_EC2_METADATA_DISABLED="true",
        MINISTACK_REGION=REGION,
        MINISTACK_ACCOUNT_ID=ACCOUNT,
        MINISTACK_HOST="localhost",
        GATEWAY_PORT=str(port),
        BIND_HOST=address,
        IOT_MTLS_ENABLED="0",
        SFTP_ENABLED="0",
        PERSIST_STATE="0",  # MiniStack's own way of saving; ours is state/
        STATE_DIR=str(state / "aws"),  # where it keeps the code of Lambda functions
        S3_PERSIST="1",
        S3_DATA_DIR=str(state / "s3"),
        LAMBDA_EXECUTOR="local",
        LAMBDA_ACCOUNT_CONCURRENCY="48",  # a worker takes 40 to 60 MB; more calls at once are throttled, as on AWS
        LAMBDA_WARM_TTL_SECONDS="60",  # a burst's surplus workers end after a minute; the first of each function stays
        LOG_LEVEL="WARNING",
    )
    keep_docker_out()


def keep_docker_out() -> None:
    """Nothing here runs in a container, and importing the docker package, which MiniStack tries, takes a second."""
    sys.modules.setdefault("docker", None)
