"""A disk that is full, played by a limit on the size of the server's files."""

import resource
import time

import psutil
import pytest
from botocore.exceptions import ClientError
from own_server import OwnServer
from typer.testing import CliRunner
from waiting import eventually

from recsys.cli import app

pytestmark = pytest.mark.skipif(not hasattr(psutil.Process, "rlimit"), reason="needs Linux's prlimit")


@pytest.fixture
def server(tmp_path, free_port):
    own = OwnServer(free_port, tmp_path / "state")
    own.start()
    yield own
    own.stop()


def limit(server, size):
    psutil.Process(server.status.pid).rlimit(resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))


def test_a_full_disk_is_reported_loses_nothing_saved_and_heals(server):
    ssm, kinesis = server.client("ssm"), server.client("kinesis")
    kinesis.create_stream(StreamName="s", ShardCount=1)
    ssm.put_parameter(Name="/before", Value="v", Type="String")
    server.saved_after(time.time())

    limit(server, 1)
    ssm.put_parameter(Name="/while", Value="v", Type="String")
    with pytest.raises(ClientError, match="could not be stored"):
        kinesis.put_record(StreamName="s", Data=b"x", PartitionKey="p")
    deadline = time.monotonic() + 30
    while not (error := server.health()["autosave"]["error"]):
        assert time.monotonic() < deadline
        time.sleep(0.1)
    assert "state.sqlite" in error
    shown = CliRunner().invoke(app, ["local", "status", "--state", str(server.state)]).output
    assert "the state cannot be saved (" in shown
    assert ssm.get_parameter(Name="/while")["Parameter"]["Value"] == "v", "it goes on answering"

    limit(server, resource.RLIM_INFINITY)
    kinesis.put_record(StreamName="s", Data=b"y", PartitionKey="p")
    server.saved_after(time.time())
    server.kill()
    server.start()
    assert ssm.get_parameter(Name="/while")["Parameter"]["Value"] == "v"
    iterator = kinesis.get_shard_iterator(
        StreamName="s", ShardId="shardId-000000000000", ShardIteratorType="TRIM_HORIZON"
    )["ShardIterator"]
    assert [record["Data"] for record in kinesis.get_records(ShardIterator=iterator)["Records"]] == [b"y"]


def test_a_stop_on_a_full_disk_does_not_claim_that_all_is_kept(server):
    server.client("ssm").put_parameter(Name="/before", Value="v", Type="String")
    server.saved_after(time.time())
    limit(server, 1)
    server.client("ssm").put_parameter(Name="/while", Value="v", Type="String")
    eventually(lambda: server.health()["autosave"]["error"])
    server.stop()
    assert server.lines[-1].startswith("its last changes may be lost: the state cannot be saved (")
