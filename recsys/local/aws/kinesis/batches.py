"""What happens to a batch of a stream after its function was called: AWS's rules for retries, as plain functions.

Rules (AWS Lambda developer guide, "Kinesis: error handling", "partial batch response", "discarded records"):
- no error: the batch is done with;
- an error: with bisect the batch is halved, which consumes no retry; without, or with one record left, it is tried
  again until MaximumRetryAttempts is used up (-1: never), then given up;
- a partial batch response: everything before the lowest reported sequence number is done with; with bisect the rest
  goes on as a batch of its own, without it the rest is a retry;
- a throttled call was never made: it consumes nothing.
"""

from dataclasses import dataclass
from typing import Any

Record = dict[str, Any]
WHOLE_BATCH = 0


@dataclass(frozen=True)
class Piece:
    """Records still to be done, in order, and how many failed calls they have behind them."""

    records: tuple[Record, ...]
    attempts: int = 0


@dataclass(frozen=True)
class Verdict:
    """After one call: how many records are done with, what is left of the piece, what is given up, whether to pause."""

    done: int
    pieces: tuple[Piece, ...] = ()
    given_up: Piece | None = None
    pause: bool = False


def judge(piece: Piece, failed_at: int | None, *, bisect: bool, max_retries: int) -> Verdict:
    """What to do after a call whose first failed record is at index `failed_at` (None: none failed, 0: all did)."""
    if failed_at is None:
        return Verdict(done=len(piece.records))
    rest = piece.records[failed_at:]
    if bisect and failed_at > 0:
        return Verdict(failed_at, (Piece(rest, piece.attempts),))
    if bisect and len(rest) > 1:
        middle = len(rest) // 2
        return Verdict(failed_at, (Piece(rest[:middle], piece.attempts), Piece(rest[middle:], piece.attempts)))
    tried = Piece(rest, piece.attempts + 1)
    if 0 <= max_retries < tried.attempts:
        return Verdict(failed_at, given_up=tried)
    return Verdict(failed_at, (tried,), pause=True)


def first_failure(records: tuple[Record, ...], response: Any) -> int | None:
    """Index of the first record a partial batch response reports; None where it reports none.

    An entry that names no record of the batch (null, empty, unknown, misspelt key) fails the whole batch, as on AWS.
    """
    failures = response.get("batchItemFailures") if isinstance(response, dict) else None
    if not failures:
        return None
    places = {record["SequenceNumber"]: index for index, record in enumerate(records)}
    named = [entry.get("itemIdentifier") if isinstance(entry, dict) else None for entry in failures]
    return min((places.get(name, WHOLE_BATCH) for name in named), default=None)


def split_aged(piece: Piece, oldest: float) -> tuple[Piece | None, Piece | None]:
    """(records that arrived before epoch second `oldest`, the others); None for an empty side."""
    aged = tuple(r for r in piece.records if r["ApproximateArrivalTimestamp"] < oldest)
    kept = piece.records[len(aged) :]
    return (Piece(aged, piece.attempts) if aged else None, Piece(kept, piece.attempts) if kept else None)


def fitting(records: list[Record], limit: int) -> tuple[Record, ...]:
    """The first records whose data together stay within `limit` bytes of base64, one at least."""
    size, chosen = 0, []
    for record in records:
        size += len(record["Data"])
        if chosen and size > limit:
            break
        chosen.append(record)
    return tuple(chosen)
