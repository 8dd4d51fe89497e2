"""What a table shows, in words: where ours is ahead, where that is not shown, and where it is behind."""

from collections.abc import Mapping, Sequence
from typing import Any

Values = Sequence[float]  # mean, low, high

PLAIN, TUNED = "implicit ALS", "implicit ALS tuned"
TIMES_ALS = 3.0  # the training seconds of ALS that ours may take


def standing(ratios: Mapping[str, Values]) -> str:
    """Which lines ours is behind, and which it is not shown to differ from, by the intervals of the paired ratios."""
    said = {
        "behind": [line for line, (_, _, high) in ratios.items() if high < 1],
        "not shown to differ from": [line for line, (_, low, high) in ratios.items() if low <= 1 <= high],
    }
    words = [f"{how} {', '.join(lines)}" for how, lines in said.items() if lines]
    ahead = len(ratios) > sum(map(len, said.values()))
    return "; ".join([*words, *(["ahead of all" + " others" * bool(words)] if ahead else [])])


def behind_by(ours: str, rows: Mapping[str, Mapping[str, Values]], columns: Sequence[str]) -> str:
    """Sentences of the columns by which lines are ahead of ours beyond both intervals, which are not of pairs."""
    ahead = {
        name: [line for line, row in rows.items() if name in row and row[name][1] > rows[ours][name][2]]
        for name in columns
    }
    return "".join(f" By {name} it is behind {', '.join(lines)}." for name, lines in ahead.items() if lines)


def of_accuracy(results: Sequence[Mapping[str, Any]], ours: str, first: str = "NDCG@10") -> str:
    """Where ours stands by the first column in pairs, by intervals side by side, and by the other columns.

    results: as `quality.written` answers them. Empty where ours took no part, or alone.
    """
    rows = {result["name"]: result["metrics"] for result in results}
    ratios = {result["name"]: result["ratio"] for result in results if result["ratio"]}
    if ours not in rows or not ratios:
        return ""
    _, low, high = rows[ours][first]
    touching = [line for line in ratios if rows[line][first][1] <= high and low <= rows[line][first][2]]
    beside = f"its interval overlaps those of {', '.join(touching)}" if touching else "its interval overlaps no other"
    others = [name for name in rows[ours] if name != first]
    return (
        f"By {first} {ours} is {standing(ratios)}, the same users compared in pairs. Side by side, {beside}."
        + behind_by(ours, rows, others)
    )


def of_seconds(results: Sequence[Mapping[str, Any]], ours: str) -> str:
    """How long ours trains beside ALS that chooses its settings as ours does, and ALS that is told them."""
    seconds = {result["name"]: result["train_seconds"] for result in results}
    kinds = {TUNED: "whose settings are chosen too", PLAIN: "whose settings are given"}
    said = [
        f"{ratio:.1f} times as long as {name}, {kind} ({'within' if ratio <= TIMES_ALS else 'beyond'} {TIMES_ALS:g})"
        for name, kind in kinds.items()
        if ours in seconds and (ratio := seconds[ours] / seconds.get(name, float("inf")))
    ]
    return f"{ours.capitalize()} trains {' and '.join(said)}." if said else ""
