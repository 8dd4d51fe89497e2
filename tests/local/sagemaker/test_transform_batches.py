"""Batch transform: what is sent in one request, the answers in order, and what fails the whole of it."""

import io
from pathlib import Path

import pytest
from hosts import awaited, container

from recsys.local.sagemaker.hosting import TransformFailed
from recsys.local.sagemaker.hosting.transform import MB, Plan, payloads, transform

LINES = Plan("text/csv", "text/csv", split="Line", assemble="Line")


def cut(content: bytes, plan: Plan) -> list[bytes]:
    return list(payloads(io.BytesIO(content), plan))


def test_an_input_that_is_not_split_goes_in_one_piece() -> None:
    assert cut(b"a\nb\n", Plan()) == [b"a\nb\n"]


def test_a_record_is_a_line() -> None:
    assert cut(b"a\nb\nc", Plan(split="Line", strategy="SingleRecord")) == [b"a\n", b"b\n", b"c"]


@pytest.mark.parametrize("width", [7, 1000, MB - 1])
def test_a_payload_holds_as_many_whole_records_as_the_limit_lets_in(width: int) -> None:
    content = b"".join(b"%0*d\n" % (width - 1, n) for n in range(3 * MB // width))
    pieces = cut(content, Plan(split="Line", max_payload_mb=1))
    assert b"".join(pieces) == content
    assert all(piece.endswith(b"\n") for piece in pieces)
    assert {len(piece) for piece in pieces[:-1]} == {MB // width * width}


@pytest.mark.parametrize("plan", [Plan(max_payload_mb=1), Plan(split="Line", max_payload_mb=1)])
def test_a_record_over_the_limit_fails_the_job(plan: Plan) -> None:
    with pytest.raises(TransformFailed) as failure:
        cut(b"x" * (MB + 1) + b"\n", plan)
    assert failure.value.reason == "ClientError: See job logs for more information"
    assert failure.value.details == ["Too much data for max payload size"]


def test_no_limit_is_no_limit() -> None:
    assert cut(b"x" * (7 * MB), Plan(max_payload_mb=0)) == [b"x" * (7 * MB)]


@awaited
async def test_the_output_has_every_record_in_the_order_of_the_input(tmp_path: Path) -> None:
    users = [f"u{n}" for n in range(300_000)]
    plan = Plan("text/csv", "text/csv", split="Line", assemble="Line", max_payload_mb=1, max_concurrent=2)
    async with container(tmp_path, name="i1") as run:
        content = io.BytesIO("".join(f"{user}\n" for user in users).encode())
        output = b"".join([piece async for piece in transform(run, content, plan)])
    assert output.decode().splitlines() == [f"{user},i1" for user in users]


@awaited
async def test_answers_without_an_end_of_line_get_one_when_assembled_by_line(tmp_path: Path) -> None:
    async with container(tmp_path, name="i1") as run:
        for assemble, expected in (("Line", b"i1\ni1\n"), ("None", b"i1i1")):
            plan = Plan(split="Line", strategy="SingleRecord", assemble=assemble)
            assert b"".join([piece async for piece in transform(run, io.BytesIO(b"a\nb\n"), plan)]) == expected


@pytest.mark.parametrize(
    ("order", "reason", "details"),
    [
        (b"status 400", "ClientError", ["ClientError: 400", "", "Message:", "as told"]),
        (b"status 503", "AlgorithmError", ["Bad HTTP status received from algorithm: 503", "", "Message:", "as told"]),
        (b"die", "AlgorithmError", ["Unable to get response from algorithm"]),
    ],
)
@awaited
async def test_one_bad_answer_fails_the_whole(tmp_path: Path, order: bytes, reason: str, details: list[str]) -> None:
    plan = Plan(split="Line", strategy="SingleRecord", retries=1)
    async with container(tmp_path, name="i1") as run:
        pieces = transform(run, io.BytesIO(b"a\n" + order + b"\nc\n"), plan)
        with pytest.raises(TransformFailed) as failure:
            _ = [piece async for piece in pieces]
    assert failure.value.reason == f"{reason}: See job logs for more information"
    assert failure.value.details == details
