"""Kinesis streams, and Lambda's event source mappings that read them.

MiniStack keeps records in memory only, drops a shard that is split with all it holds, and polls all shards on one
thread: a poison record is retried for ever, a partial batch response is ignored, and positions die with the process.

stream_log  records on disk before they are acknowledged
resharding  closed shards stay readable
poller      every event source mapping from a stream, in place of MiniStack's
mapping     one mapping, and what AWS refuses of it
shard_lane  one shard of one mapping: read, call, judge
lanes       many shards on few threads
batches     AWS's rules for a batch that failed
on_failure  what an on-failure destination is told
"""

from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from recsys.local.aws.kinesis.poller import KinesisPoller
    from recsys.local.aws.kinesis.stream_log import StreamLog


def install(log: "StreamLog", poller: "KinesisPoller", save: Callable[[], object]) -> None:
    """Put `log` in the path of writes, `poller` in the place of MiniStack's; `save` when shards have changed."""
    from recsys.local.aws.kinesis import resharding  # here: lanes and batches can do without MiniStack

    log.install()
    resharding.install(log, save)
    poller.install()
