"""Shards that are split, merged or made anew keep their records until these expire, as closed shards, as on AWS.

MiniStack drops a shard with all it holds, read or not. Here the closed shard stays readable, takes no record any more,
and is told with its last sequence number; whoever reads it by iterators comes to its end and goes on with the children.
A mapping reads a shard once it has done with those that were closed before it and held the same keys.
[A subscription of enhanced fan-out is not told that its shard is closed.]
"""

import json
from collections.abc import Callable, Iterator
from typing import Any

from ministack.core.responses import error_response_json, json_response
from ministack.services import kinesis

from recsys.local.aws import MiniStackResponse
from recsys.local.aws.kinesis.stream_log import Record, Shard, Stream, StreamLog

CLOSED = "ending_sequence_number"
SPENT = "Shard {} in stream {} has already been merged or split, and thus is not eligible for merging or splitting."
APART = "Shards {} and {} in stream {} are not an adjacent pair of shards eligible for merging"
TOO_FAR = "UpdateShardCount cannot scale {} your current open shard count. Current open shard count: {} Target: {}"

Change = Callable[[dict], MiniStackResponse]


def install(log: StreamLog, save: Callable[[], object]) -> None:
    """Close shards instead of dropping them. `save`: records of a shard that no save knows would not come back."""
    route = kinesis._route_to_shard
    kinesis._route_to_shard = lambda key, stream: route(key, {**stream, "shards": open_shards(stream)})
    for name, change in (
        ("_split_shard", _of_open(kinesis._split_shard)),
        ("_merge_shards", _of_open(kinesis._merge_shards)),
        ("_update_shard_count", _update_shard_count),
    ):
        setattr(kinesis, name, _closing(change, log, save))
    kinesis._shard_out = _with_its_end(kinesis._shard_out)
    kinesis._describe_stream_summary = _counting_open(kinesis._describe_stream_summary)
    kinesis._get_records = _to_the_end(kinesis._get_records)


def open_shards(stream: Stream) -> dict[str, Shard]:
    """The shards that take records."""
    return {name: shard for name, shard in stream["shards"].items() if CLOSED not in shard}


def closed_before(stream: Stream, shard_id: str) -> Iterator[tuple[str, list[Record]]]:
    """The closed shards whose keys this one has taken over, and their records."""
    shard = stream["shards"][shard_id]
    for name, other in stream["shards"].items():
        if other.get(CLOSED, "~") < shard["starting_sequence_number"] and _overlap(shard, other):
            yield name, other["records"]


def _overlap(one: Shard, other: Shard) -> bool:
    (start, end), (begun, ended) = _keys(one), _keys(other)
    return start <= ended and begun <= end


def _keys(shard: Shard) -> tuple[int, int]:
    return int(shard["starting_hash_key"]), int(shard["ending_hash_key"])


def _closing(change: Change, log: StreamLog, save: Callable[[], object]) -> Change:
    """MiniStack's drops shards; here those that are gone are kept, closed, and that is saved."""

    def changed(data: dict) -> MiniStackResponse:
        _, stream = kinesis._resolve_stream(data)
        if not stream:
            return change(data)
        with log.lock:
            before, end = dict(stream["shards"]), log.next_sequence_number()
            answer = change(data)
            gone = before.keys() - stream["shards"].keys()
            stream["shards"] = {**stream["shards"], **{name: {**before[name], CLOSED: end} for name in gone}}
        if gone:
            save()
        return answer

    return changed


def _of_open(change: Change) -> Change:
    """MiniStack's takes any shards; here only open ones, and neighbours where there are two."""

    def changed(data: dict) -> MiniStackResponse:
        name, stream = kinesis._resolve_stream(data)
        named = [data[each] for each in ("ShardToSplit", "ShardToMerge", "AdjacentShardToMerge") if each in data]
        shards = [stream["shards"][each] for each in named if each in stream["shards"]] if stream else []
        for shard_id, shard in zip(named, shards, strict=False):
            if CLOSED in shard:
                return error_response_json("ResourceInUseException", SPENT.format(shard_id, name), 400)
        ranges = sorted(_keys(shard) for shard in shards)
        if len(ranges) == 2 and ranges[0][1] + 1 != ranges[1][0]:
            return error_response_json("InvalidArgumentException", APART.format(*named, name), 400)
        return change(data)

    return changed


def _update_shard_count(data: dict) -> MiniStackResponse:
    name, stream = kinesis._resolve_stream(data)
    if not stream:
        return error_response_json("ResourceNotFoundException", f"Stream {name} not found", 400)
    now, target = open_shards(stream), int(data["TargetShardCount"])
    if not len(now) / 2 <= target <= len(now) * 2:
        way = "up over double" if target > len(now) else "down below half"
        return error_response_json("InvalidArgumentException", TOO_FAR.format(way, len(now), target), 400)
    if target != len(now):
        made = kinesis._build_shards(target, kinesis._max_shard_index(stream) + 1)
        for shard in made.values():
            parents = [name for name, other in now.items() if _overlap(shard, other)] + [None]
            shard["parent_shard_id"], shard["adjacent_parent_shard_id"] = parents[:2]
        stream["shards"] = {**{each: stream["shards"][each] for each in stream["shards"].keys() - now.keys()}, **made}
    facts = {"CurrentShardCount": len(now), "TargetShardCount": target}
    return json_response({"StreamName": stream["StreamName"], "StreamARN": stream["StreamARN"], **facts})


def _with_its_end(describe: Callable[[str, Shard], dict]) -> Callable[[str, Shard], dict]:
    """MiniStack's knows open shards only; here a closed one is told with its last sequence number."""

    def described(shard_id: str, shard: Shard) -> dict:
        told = describe(shard_id, shard)
        if CLOSED in shard:
            told["SequenceNumberRange"]["EndingSequenceNumber"] = shard[CLOSED]
        return told

    return described


def _counting_open(describe: Change) -> Change:
    """MiniStack's counts all shards it has; here the closed ones do not count."""

    def described(data: dict) -> MiniStackResponse:
        status, headers, body = describe(data)
        _, stream = kinesis._resolve_stream(data)
        if not stream:
            return status, headers, body
        told = json.loads(body)
        told["StreamDescriptionSummary"]["OpenShardCount"] = len(open_shards(stream))
        return json_response(told)

    return described


def _to_the_end(read: Change) -> Change:
    """MiniStack's always has a next iterator; here the end of a closed shard has its children's names instead."""

    def got(data: dict) -> MiniStackResponse:
        answer = read(data)
        told = json.loads(answer[2])
        at = kinesis._shard_iterators.get(told.get("NextShardIterator"))
        stream = at and kinesis._streams.get(at["stream"])
        shard: dict[str, Any] = (stream["shards"].get(at["shard_id"]) if stream else None) or {}
        if CLOSED not in shard or at["position"] < len(shard["records"]):
            return answer
        del told["NextShardIterator"]
        children = [each for each in stream["shards"].items() if at["shard_id"] in _parents(each[1])]
        told["ChildShards"] = [_child(*each) for each in children]
        return json_response(told)

    return got


def _parents(shard: Shard) -> list[str]:
    return [name for name in (shard["parent_shard_id"], shard["adjacent_parent_shard_id"]) if name]


def _child(name: str, shard: Shard) -> dict:
    keys = {"StartingHashKey": shard["starting_hash_key"], "EndingHashKey": shard["ending_hash_key"]}
    return {"ShardId": name, "ParentShards": _parents(shard), "HashKeyRange": keys}
