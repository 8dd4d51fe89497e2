"""Which action a user will take."""

import numpy as np
import pandas as pd
import pytest

from recsys.errors import ModelError
from recsys.models import ItemContent, NextBestAction, Sequences, load
from recsys.models.actions.evaluation import action_metrics, held_out_metrics
from recsys.models.actions.log import ActionLog
from recsys.models.actions.next_best import Browsed, Own
from recsys.models.actions.user_state import DAY, UserState
from recsys.models.content.metadata import Metadata

START = 1_700_000_000
NAMES = ["enrol", "download", "jewelry", "newcomer"]
RATES = {"enrol": 0.2, "download": 0.5, "jewelry": 0.05}
COLUMNS = ["USER_ID", "ACTION_ID", "TIMESTAMP", "EVENT_TYPE"]


def log(*events: tuple[str, str, float, str]) -> pd.DataFrame:
    """Action interactions, times in days."""
    return pd.DataFrame([(u, a, START + int(days * DAY), kind) for u, a, days, kind in events], columns=COLUMNS)


@pytest.fixture(scope="module")
def actions() -> ItemContent:
    columns = {"GROUP": ["app", "app", "shop", "shop"], "VALUE": [1.0, 5.0, 9.0, 3.0]}
    return ItemContent.fit(NAMES, columns, {"GROUP": "categorical", "VALUE": "number"})


@pytest.fixture(scope="module")
def users() -> ItemContent:
    tiers = ["gold" if user % 4 == 0 else "basic" for user in range(2000)]
    return ItemContent.fit([f"u{user}" for user in range(2000)], {"TIER": tiers}, {"TIER": "categorical"})


@pytest.fixture(scope="module")
def visits() -> pd.DataFrame:
    """Every third user looks at rings, the others at books."""
    rng = np.random.default_rng(1)
    rows = [
        (f"u{user}", f"{'ring' if user % 3 == 0 else 'book'}{rng.integers(20)}", START - 100 + step)
        for user in range(2000)
        for step in range(6)
    ]
    return pd.DataFrame(rows, columns=["USER_ID", "ITEM_ID", "TIMESTAMP"])


@pytest.fixture(scope="module")
def browsing(visits) -> Sequences:
    return Sequences.from_interactions(visits)


@pytest.fixture(scope="module")
def interactions() -> pd.DataFrame:
    """Gold users enrol at 70 % instead of 20, those who look at rings take `jewelry` at 60 % instead of 5."""
    rng, rows = np.random.default_rng(0), []
    for user in range(2000):
        rates = RATES | ({"enrol": 0.7} if user % 4 == 0 else {}) | ({"jewelry": 0.6} if user % 3 == 0 else {})
        for action, rate in rates.items():
            kind = "TAKEN" if rng.random() < rate else rng.choice(["Not_Taken", "viewed"])
            rows.append((f"u{user}", action, rng.random() * 30, kind))
    return log(*rows)


@pytest.fixture(scope="module")
def model(actions, interactions, users, visits) -> NextBestAction:
    return NextBestAction.fit(actions, interactions, users, visits, values=[1, 5, 9, 3])


def score(model: NextBestAction, action: str, *about, **options) -> float:
    return float(model.scores(*about, **options)[model.encode([action])[0]])


def test_without_metadata_the_rates_are_recovered(actions, interactions):
    model = NextBestAction.fit(actions, interactions)
    expected = interactions.assign(taken=interactions["EVENT_TYPE"] == "TAKEN").groupby("ACTION_ID")["taken"].mean()
    for action in RATES:
        assert score(model, action) == pytest.approx(expected[action], abs=0.03)


def looked_at(kind: str) -> Browsed:
    return Browsed([f"{kind}{n}" for n in range(6)], [START - 100 + n for n in range(6)])


def test_metadata_of_the_user_move_the_action_they_tell_of(model):
    about = {tier: {"user": {"TIER": tier}, "browsed": looked_at("book")} for tier in ("gold", "basic")}
    assert score(model, "enrol", **about["gold"]) == pytest.approx(0.7, abs=0.06)
    assert score(model, "enrol", **about["basic"]) == pytest.approx(0.2, abs=0.06)
    assert score(model, "download", **about["gold"]) == pytest.approx(0.5, abs=0.06)


def test_what_a_user_looks_at_moves_the_action_that_goes_with_it(model):
    assert score(model, "jewelry", browsed=looked_at("ring")) > 0.45
    assert score(model, "jewelry", browsed=looked_at("book")) < 0.15


def test_an_action_with_too_few_events_scores_zero(model):
    assert score(model, "newcomer") == 0
    assert (model.scores()[:3] > 0).all()


@pytest.mark.parametrize(
    ("taken", "others", "days", "scored"),
    [(50, 50, 1, True), (49, 50, 1, False), (50, 49, 1, False), (50, 50, 43, False)],
    ids=["enough", "taken too seldom", "refused too seldom", "too long ago"],
)
def test_fifty_of_both_kinds_within_six_weeks_make_a_score(actions, taken, others, days, scored):
    events = [(f"t{n}", "enrol", -days, "Taken") for n in range(taken)]
    events += [(f"v{n}", "enrol", -days, "Viewed") for n in range(others)]
    model = NextBestAction.fit(actions, log(*events, ("last", "download", 0, "Viewed")))
    assert bool(model.scores()[0] > 0) == scored and not model.scores()[1:].any()


def test_no_action_interactions_at_all_leave_every_score_at_zero(actions, users, browsing):
    model = NextBestAction.fit(actions, log(), users, browsing)
    assert not model.scores({"TIER": "gold"}, Own(["enrol"], [START], ["Taken"])).any()


def test_a_user_who_says_yes_is_believed_more(actions):
    rng, rows = np.random.default_rng(0), []
    for user in range(600):
        willing = 0.9 if user % 2 else 0.1
        rows += [
            (f"u{user}", NAMES[n % 3], n * 2, "Taken" if rng.random() < willing else "Not Taken") for n in range(9)
        ]
    model = NextBestAction.fit(actions, log(*rows))
    yes, no = (Own(["enrol"] * 4, range(START, START + 4), [kind] * 4) for kind in ("Taken", "Not Taken"))
    assert score(model, "download", None, yes) > 0.7 > 0.3 > score(model, "download", None, no)


def test_equal_scores_are_ranked_by_value(model):
    assert model.rank(np.zeros(4)).tolist() == [2, 1, 3, 0]
    assert model.rank(np.array([0.5, 0.2, 0.5, 0.9])).tolist() == [3, 2, 0, 1]


def test_what_training_did_not_know_is_left_out(model):
    own, browsed = Own(["unheard of"], [START], ["Taken"]), Browsed(["strange"], [START])
    np.testing.assert_array_equal(model.scores({"TIER": "lead", "AGE": 3}, own, browsed), model.scores())


def test_saved_and_loaded_it_scores_the_same(model, tmp_path):
    model.save(tmp_path / "model")
    loaded = load(tmp_path / "model")
    about = {"TIER": "gold"}, Own(["enrol"], [START], ["viewed"]), Browsed(["ring3"], [START])
    np.testing.assert_array_equal(loaded.scores(*about), model.scores(*about))
    assert loaded.settings == model.settings and loaded.rank(np.zeros(4)).tolist() == [2, 1, 3, 0]


def test_fitting_twice_gives_the_same_scores(actions, interactions, users, browsing, model):
    again = NextBestAction.fit(actions, interactions, users, browsing, values=[1, 5, 9, 3])
    np.testing.assert_array_equal(again.scores({"TIER": "gold"}), model.scores({"TIER": "gold"}))


@pytest.mark.parametrize("days", [6, 29])
def test_a_period_that_aws_does_not_allow_is_refused(actions, interactions, days):
    with pytest.raises(ModelError, match=f"period of {days} days; choose 7 to 28"):
        NextBestAction.fit(actions, interactions, action_optimization_period_days=days)


def test_another_event_type_is_refused(actions):
    with pytest.raises(ModelError, match=r"\['clicked'\] are no types of action interactions"):
        NextBestAction.fit(actions, log(("u", "enrol", 0, "Clicked")))


@pytest.mark.parametrize("odd", [{"TIMESTAMP": START * 1000}, {"USER_ID": np.nan}, {"TIMESTAMP": np.nan}])
def test_interactions_that_cannot_be_used_are_refused(actions, interactions, odd):
    with pytest.raises(ModelError, match=r"looks like milliseconds|interactions have no (USER_ID|TIMESTAMP)"):
        NextBestAction.fit(actions, interactions.assign(**odd))


def test_interactions_with_other_actions_only_are_refused(actions):
    with pytest.raises(
        ModelError, match=r"none of 1 interactions is with one of the 4 actions: 'run' is not among enrol"
    ):
        NextBestAction.fit(actions, log(("u", "run", 0, "Viewed")))


def test_actions_may_be_numbers(actions, interactions):
    numbers = {name: 10 + number for number, name in enumerate(NAMES)}
    numbered = interactions.assign(ACTION_ID=interactions["ACTION_ID"].map(numbers))
    content = ItemContent.fit(list(numbers.values()), {"GROUP": ["app"] * 4}, {"GROUP": "categorical"})
    model = NextBestAction.fit(content, numbered)
    own = Own([10, "10", 99], [START] * 3, ["Taken", "Viewed", "Taken"])
    assert model.item_ids.tolist() == ["10", "11", "12", "13"] and (model.scores(own=own)[:3] > 0).all()


def test_a_taste_is_as_exact_after_millions_of_events_as_after_a_few():
    n = 50_000
    items = Sequences(
        np.arange(n).astype(object), np.array(["a", "b"], object), np.arange(n + 1) * 40,
        np.tile(np.array([0, 1], np.int32), n * 20), np.tile(np.arange(40), n),
    )  # fmt: skip
    state = UserState(Metadata({}, {}), np.empty(0, int), items.item_ids, np.array([[0.9], [0.3]], np.float32), 14)
    last = ActionLog(np.array([n - 1], object), *(np.array([at]) for at in (0, 0, 100, True)))
    known = state.at_events(last, None, items).toarray()[0]
    np.testing.assert_allclose(known, state.now({}, ["a", "b"] * 20, list(range(40)), 100), rtol=1e-6)


def moments(period: int, *events: tuple[str, str, float, str]) -> list[tuple[str, float, bool]]:
    seen = ActionLog.from_interactions(log(*events), NAMES)
    places, well = seen.exposures(period * DAY)
    days = (seen.times[places] - START) / DAY
    return [(NAMES[seen.actions[p]], float(day), bool(w)) for p, day, w in zip(places, days, well, strict=True)]


def test_a_view_ends_well_if_the_action_is_taken_within_the_period():
    seen = moments(14, ("u", "enrol", 0, "Viewed"), ("u", "enrol", 14, "Taken"), ("u", "enrol", 20, "Viewed"))
    assert seen == [("enrol", 0, True), ("enrol", 20, False)]


def test_an_action_taken_later_counts_by_itself():
    seen = moments(7, ("u", "enrol", 0, "Not Taken"), ("u", "enrol", 14, "Taken"))
    assert seen == [("enrol", 0, False), ("enrol", 14, True)]


def test_what_another_user_or_another_action_does_ends_nothing_well():
    seen = moments(14, ("u", "enrol", 0, "Viewed"), ("v", "enrol", 1, "Taken"), ("u", "download", 1, "Taken"))
    assert ("enrol", 0, False) in seen and len(seen) == 3


def test_only_what_came_before_is_known():
    seen = ActionLog.from_interactions(
        log(("u", "enrol", 0, "Taken"), ("u", "download", 1, "Viewed"), ("u", "enrol", 2, "Viewed")), NAMES
    )
    assert seen.counts_before().tolist() == [[0, 0, 0, 0], [1, 1, 0, 0], [2, 1, 1, 1]]


def test_precision_and_recall_are_means_over_actions():
    scores = np.array([[0.9, 0.1], [0.8, 0.1], [0.2, 0.7]])
    taken = [{0: True}, {0: False, 1: True}, {1: True, 0: False}]
    found = action_metrics(scores, np.argsort(-scores, axis=1), taken, threshold=0.5)
    assert found["precision"] == pytest.approx((1 / 2 + 1 / 1) / 2)  # action 0 told to two, one took it
    assert found["recall"] == pytest.approx((1 / 1 + 1 / 2) / 2)  # action 1 taken by two, one was told


def test_on_users_it_has_not_seen_metadata_help(actions, interactions, users, browsing):
    blind = held_out_metrics(actions, interactions)
    knowing = held_out_metrics(actions, interactions, users, browsing)
    assert knowing["area_under_the_curve"] > blind["area_under_the_curve"] + 0.05
    assert set(knowing) == {"coverage", "precision", "recall", "area_under_the_curve"} | {
        f"normalized_discounted_cumulative_gain_at_{k}" for k in (5, 10, 25)
    }


def test_without_any_test_user_every_metric_is_zero(actions):
    assert set(held_out_metrics(actions, log()).values()) == {0.0}


def test_tables_of_actions_and_users_say_what_their_contents_do(model, interactions, visits):
    groups = {"GROUP": ["app", "app", "shop", "shop"], "VALUE": [1.0, 5.0, 9.0, 3.0]}
    actions = pd.DataFrame({"ACTION_ID": NAMES, **groups, "TEXT": [f"{name} in a few words" for name in NAMES]})
    ids = [f"u{user}" for user in range(2000)]
    users = pd.DataFrame({"USER_ID": ids, "TIER": ["gold" if user % 4 == 0 else "basic" for user in range(2000)]})
    same = NextBestAction.fit(actions, interactions, users, visits, values=[1, 5, 9, 3])
    gold = {"TIER": "gold"}
    np.testing.assert_array_equal(same.scores(gold), model.scores(gold))
    with pytest.raises(ModelError, match="lacks the column ACTION_ID"):
        NextBestAction.fit(users, interactions)
