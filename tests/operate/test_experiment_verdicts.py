"""Which variant did better, and when not to believe it."""

from statistics import NormalDist

import numpy as np
import pandas as pd
import pytest

from recsys.columns import TIMESTAMP, USER_ID
from recsys.errors import DataError
from recsys.operate import Verdict, compare, smallest_lift, so_far
from recsys.operate.exposures import SERVED, SHARE, VARIANT

START = 1_700_000_000


def shown(sizes: dict[str, int], shares: dict[str, float] | None = None, **more: str) -> pd.DataFrame:
    """Users, each answered twice in the variant they are in; `more` are single answers besides. Drawn alike."""
    users = [(f"{name}-{number}", name) for name, size in sizes.items() for number in range(size)]
    answers = [(user, START + hour, variant, True) for hour in (0, 3600) for user, variant in users]
    answers += [(user, START + 7200, variant, True) for user, variant in more.items()]
    table = pd.DataFrame(answers, columns=[USER_ID, TIMESTAMP, VARIANT, SERVED])
    return table.assign(SHARE=table[VARIANT].map(shares or dict.fromkeys(sizes, 1 / len(sizes))))


def done(*users: str, at: int = START + 60) -> pd.DataFrame:
    return pd.DataFrame({USER_ID: list(users), TIMESTAMP: at})


def purchases(exposed: pd.DataFrame, **rates: float) -> pd.DataFrame:
    """So many events a user of each variant, Poisson distributed."""
    first, rng = exposed.drop_duplicates(USER_ID), np.random.default_rng(0)
    counts = rng.poisson(first[VARIANT].map(rates))
    return done(*np.repeat(first[USER_ID].to_numpy(), counts))


def of(verdict: Verdict, variant: str) -> pd.Series:
    return verdict.table.set_index("variant").loc[variant]


def test_a_better_variant_is_seen_to_be_better_and_an_equal_one_is_not() -> None:
    exposed = shown({"now": 3000, "new": 3000, "same": 3000})
    verdict = compare(exposed, purchases(exposed, now=0.2, new=0.3, same=0.2), baseline="now")
    assert verdict.lift["new"].low > 1.2 and verdict.lift["new"].low < 1.5 < verdict.lift["new"].high
    assert verdict.lift["same"].low < 1 < verdict.lift["same"].high
    assert of(verdict, "new").converted_low < 1 - np.exp(-0.3) < of(verdict, "new").converted_high
    assert verdict.notes() == []


def test_what_a_user_did_before_the_first_answer_does_not_count() -> None:
    exposed = shown({"a": 2, "b": 2})
    before, after = done("a-0", at=START - 1), done("a-1", "a-1", "b-0", "nobody")
    verdict = compare(exposed, pd.concat([before, after]), baseline="a")
    assert (of(verdict, "a").events, of(verdict, "a").converted) == (1.0, 0.5)
    assert verdict.lift["b"].mean == 0.5


def test_a_variant_that_others_answer_for_is_named() -> None:
    exposed = shown({"now": 50, "new": 50})
    exposed.loc[exposed[VARIANT] == "new", SERVED] = False
    (note,) = compare(exposed, done("now-0", "new-0")).notes()
    assert note.startswith("only 0.0% of the answers in new were its own")


def test_users_of_several_variants_count_nowhere() -> None:
    verdict = compare(shown({"a": 3, "b": 3}, **{"a-0": "b"}), done("a-0"), baseline="b")
    assert verdict.strayed == 1 and of(verdict, "a").users == 2 and of(verdict, "a").events == 0
    assert "1 users were in several variants" in verdict.notes()[0]


def test_a_variant_that_loses_users_is_told() -> None:
    sizes = {"a": 900, "b": 700}
    assert "not shared as the weights say" in compare(shown(sizes), done("a-0")).notes()[0]
    assert compare(shown(sizes, {"a": 9 / 16, "b": 7 / 16}), done("a-0")).notes() == []


def test_an_experiment_of_other_weights_is_held_against_its_own_also_once_it_is_over() -> None:
    assert compare(shown({"a": 900, "b": 100}, {"a": 0.9, "b": 0.1}), done("a-0")).sample_ratio == 1.0


def test_a_variant_that_nobody_came_to_is_told() -> None:
    sizes = {"a": 300, "b": 300}
    assert "not shared as the weights say" in compare(shown(sizes, {"a": 0.3, "b": 0.3}), done("a-0")).notes()[0]


@pytest.mark.parametrize("last", [0.6, None])
def test_where_the_weights_changed_or_are_not_told_nothing_is_said_of_the_split(last: float | None) -> None:
    exposed = shown({"a": 300, "b": 700})
    exposed.loc[exposed.index[-1], SHARE] = last
    verdict = compare(exposed, done("a-0"))
    assert np.isnan(verdict.sample_ratio) and "the weights were changed meanwhile" in verdict.notes()[0]


def test_a_single_variant_says_what_to_do() -> None:
    with pytest.raises(DataError, match="nothing to compare; let more users come, or draw them anew"):
        compare(shown({"a": 10}), done("a-0"))


def test_a_split_is_told_with_how_often_chance_makes_it() -> None:
    verdict = compare(shown({"a": 107, "b": 80}), done("a-0"), baseline="a")
    p = 2 * (1 - NormalDist().cdf(27 / 187**0.5))  # (107 - 80) / sqrt(107 + 80)
    assert verdict.split() == f"107 against 80 users: chance splits them at least so unevenly in {p:.1%} of experiments"


def test_the_largest_variant_is_to_be_beaten_unless_another_is_named() -> None:
    exposed = shown({"a": 10, "b": 11})
    assert compare(exposed, done("a-0")).baseline == "b"
    assert [row["over a"] for row in compare(exposed, done("b-0"), baseline="a").rows()] == ["", "× inf (inf to inf)"]


def test_the_lift_is_told_user_by_user_and_ends_with_the_verdict() -> None:
    exposed = shown({"now": 300, "new": 300}).sample(frac=1, random_state=0).sort_values(TIMESTAMP, kind="stable")
    events = purchases(exposed, now=0.5, new=1.5)
    told = so_far(exposed, events, "new", "now", points=10)
    assert list(told["users"]) == [*range(60, 601, 60)]
    whole = compare(exposed, events, baseline="now").lift["new"]
    assert tuple(told.iloc[-1][["mean", "low", "high"]]) == tuple(whole)
    assert told["high"].iloc[0] - told["low"].iloc[0] > whole.high - whole.low


def test_before_both_variants_have_users_with_events_there_is_no_lift() -> None:
    exposed = shown({"now": 20, "new": 20})  # first those of `now`
    told = so_far(exposed, done(*exposed[USER_ID].unique()), "new", "now", points=8)
    assert list(told["users"]) == [25, 30, 35, 40]
    assert so_far(exposed, done("new-1"), "new", "now").empty
    bought = done(*exposed.loc[exposed[VARIANT] == "now", USER_ID].unique(), "new-19")  # the last who comes
    assert list(so_far(exposed, bought, "new", "now", points=8)["users"]) == [40]


def test_a_lift_that_was_planned_for_is_seen_four_times_in_five() -> None:
    events = np.array([0.0] * 8 + [1.0, 2.0])
    lift = smallest_lift(np.tile(events, 400), share=0.5)
    rng, draw = np.random.default_rng(0), 2000
    now = rng.choice(events, (1000, draw))
    new = rng.choice(events, (1000, draw)) + lift * events.mean()
    error = np.sqrt((now.var(axis=1) + new.var(axis=1)) / draw)
    seen = (new.mean(axis=1) - now.mean(axis=1)) / error > 1.96
    assert abs(seen.mean() - 0.8) < 4 * np.sqrt(0.8 * 0.2 / 1000)


def test_where_nobody_did_anything_no_lift_can_be_planned_for() -> None:
    with pytest.raises(DataError, match="none of these users did anything"):
        smallest_lift(np.zeros(5), share=0.5)


@pytest.mark.parametrize(
    ("sizes", "choices", "reason"),
    [
        ({"a": 3}, {}, "users of a single variant, a"),
        ({"a": 3, "b": 3}, {"baseline": "c"}, "no user is in a variant c, only in a, b"),
    ],
)
def test_what_cannot_be_compared_is_refused_with_the_reason(sizes: dict, choices: dict, reason: str) -> None:
    with pytest.raises(DataError, match=reason):
        compare(shown(sizes), done("a-0"), **choices)


def test_where_every_user_strayed_there_is_nothing_to_compare() -> None:
    exposed = shown({"a": 1, "b": 1}, **{"a-0": "b", "b-0": "a"})
    with pytest.raises(DataError, match="each of the 2 users was in several variants"):
        compare(exposed, done("a-0"))
