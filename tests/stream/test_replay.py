import time
from types import SimpleNamespace

import pandas as pd
import pytest

from recsys.errors import AwsError, DataError, TimedOut
from recsys.stream import Replay, choose, click_through, divide, events, known_to_training, replay, shortage
from recsys.stream.replay import same_scores


def clicks(*rows: tuple[str, str, int]) -> pd.DataFrame:
    return pd.DataFrame(rows, columns=["USER_ID", "ITEM_ID", "TIMESTAMP"]).assign(EVENT_TYPE="view")


def test_the_first_clicks_of_users_with_enough_are_chosen_in_time_order() -> None:
    held_back = clicks(("a", "2", 20), ("a", "1", 10), ("a", "3", 30), ("b", "9", 5))
    chosen = choose(held_back, users=5, clicks=2, seed=1)
    assert chosen[["USER_ID", "ITEM_ID", "step"]].values.tolist() == [["a", "1", 0], ["a", "2", 1]]


def test_where_nobody_has_enough_clicks_those_there_are_are_chosen_and_the_shortage_is_told() -> None:
    held_back = clicks(("a", "1", 1), ("a", "2", 2), ("b", "1", 3), ("c", "1", 4), ("c", "2", 5), ("c", "3", 6))
    chosen = choose(held_back, users=1, clicks=6, seed=1)
    assert chosen["USER_ID"].nunique() == 1 and len(chosen) == {"a": 2, "c": 3}[chosen["USER_ID"].iloc[0]]
    told = shortage(held_back, users=1, clicks=6)
    assert told == "no user has 6 held-back events (stream.replay_events): 2 to 3 of each are replayed"
    assert shortage(held_back, users=1, clicks=2) == ""


def test_fewer_users_than_asked_for_are_told_with_what_limits_them() -> None:
    told = shortage(clicks(("a", "1", 1), ("a", "2", 2), ("b", "1", 3), ("b", "2", 4)), users=40, clicks=2)
    assert "2 users have 2 or more held-back events: half of them, 1, and not 40 (stream.replay_users)" in told
    assert "fewer stream.replay_events would find more users" in told


def test_nobody_with_two_clicks_says_what_to_raise() -> None:
    with pytest.raises(DataError, match=r"no user has 2 held-back events to replay: raise data.test_share"):
        choose(clicks(("a", "1", 1)), users=5, clicks=3, seed=1)


def test_each_held_back_event_comes_in_one_way_and_the_test_in_none() -> None:
    held_back = clicks(*[(user, f"{user}{time}", time) for user in "abc" for time in range(6)])
    parts = divide(held_back, users=1, clicks=2, seed=1)
    (heard,) = parts.streamed["USER_ID"].unique()
    assert list(parts.streamed["TIMESTAMP"]) == [0, 1]
    assert heard not in set(parts.test["USER_ID"]) and heard in set(parts.export["USER_ID"])
    assert parts.export["TIMESTAMP"].max() < parts.test["TIMESTAMP"].min()
    left = held_back.index.difference(pd.concat(parts).index)
    assert set(held_back.loc[left, "USER_ID"]) == {heard} and pd.concat(parts).index.is_unique


def test_a_click_on_an_item_or_by_a_user_unknown_to_training_is_not_familiar() -> None:
    training = clicks(("a", "1", 1), ("b", "2", 2))
    found = known_to_training(clicks(("a", "2", 3), ("a", "new", 4), ("new", "1", 5)), training)
    assert found[["USER_ID", "ITEM_ID"]].values.tolist() == [["a", "2"]]
    with pytest.raises(DataError, match=r"raise stream.replay_users"):
        known_to_training(clicks(("new", "1", 5)), training)


@pytest.mark.parametrize(("missed", "times"), [(0, [1, 1]), (2, [3, 1])])
def test_a_click_is_sent_again_until_it_is_seen(monkeypatch: pytest.MonkeyPatch, missed: int, times: list[int]) -> None:
    sent: list[str] = []
    monkeypatch.setattr(events, "send", lambda stream, taken: sent.extend(each["eventId"] for each in taken))
    lags = click_through(clicks(("a", "1", 1), ("a", "2", 2)), lambda user: [("x", max(0, len(sent) - missed))], "s", 0)
    assert len(lags) == 2 and [sent.count(each) for each in dict.fromkeys(sent)] == times


def test_a_later_click_that_changes_nothing_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    sent: list[str] = []
    monkeypatch.setattr(events, "send", lambda stream, taken: sent.extend(each["eventId"] for each in taken))
    with pytest.raises(TimedOut, match="a's click on 2 changed nothing"):
        click_through(clicks(("a", "1", 1), ("a", "2", 2)), lambda user: [("x", min(1, len(sent)))], "s", 0)
    assert [sent.count(each) for each in dict.fromkeys(sent)] == [1, 6]


@pytest.mark.parametrize(("unread", "arrives"), [(0, True), (2, True), (99, False)])
def test_a_round_of_which_a_shard_was_not_read_yet_is_sent_again_with_the_same_ids(
    monkeypatch: pytest.MonkeyPatch, unread: int, arrives: bool
) -> None:
    sent: list[list[str]] = []

    def await_events(table: str, expected: dict[str, int]) -> None:
        if len(sent) <= unread:
            raise TimedOut("the profiles of 1 users lack events")

    monkeypatch.setattr(events, "send", lambda stream, taken: sent.append([each["eventId"] for each in taken]))
    monkeypatch.setattr(events, "await_events", await_events)
    monkeypatch.setattr(events, "profile", lambda table, user: {})
    asked = clicks(("a", "1", 1), ("b", "2", 2)).assign(step=0), lambda user: [("x", float(len(sent)))], "s", "t"
    if arrives:
        assert len(replay(*asked).clicks) == 2 and len(sent) == unread + 1
    else:
        with pytest.raises(TimedOut, match="lack events"):
            replay(*asked)
    assert all(each == sent[0] for each in sent)


def test_clicks_that_the_stream_brought_before_are_told_as_they_spoil_the_comparison(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    profiles = {"a": {"eventCount": 1, "lastItems": [{"itemId": "1"}]}, "b": {"lastItems": [{"itemId": "other"}]}}
    monkeypatch.setattr(events, "send", lambda stream, taken: None)
    monkeypatch.setattr(events, "await_events", lambda table, expected: None)
    monkeypatch.setattr(events, "profile", lambda table, user: profiles.get(user, {}))
    asked = clicks(("a", "1", 1), ("b", "2", 2), ("c", "3", 3)).assign(step=0)
    found = replay(asked, lambda user: [("x", time.monotonic())], "s", "t")
    assert found.verdict(1, 100).startswith("1 of 3 users' clicks had come by the stream before")
    assert replay(asked[asked["USER_ID"] != "a"], lambda user: [("x", time.monotonic())], "s", "t").heard == 0


def test_a_campaign_that_is_slow_to_learn_is_asked_ever_less_often(monkeypatch: pytest.MonkeyPatch) -> None:
    clock, asked = [0.0], [0]
    monkeypatch.setattr(time, "monotonic", lambda: clock[0])
    monkeypatch.setattr(time, "sleep", lambda seconds: clock.__setitem__(0, clock[0] + seconds))
    monkeypatch.setattr(events, "send", lambda stream, taken: None)

    def recommend(user: str) -> list[tuple[str, float]]:
        asked[0] += 1
        return [("x", 1.0 if clock[0] > 5 else 0.0)]

    click_through(clicks(("a", "1", 1)), recommend, "s")
    assert asked[0] < 70


def test_a_later_click_that_is_sent_again_is_as_late_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    clock, sent = [0.0], list[float]()
    for counter in ("monotonic", "perf_counter"):
        monkeypatch.setattr(time, counter, lambda: clock[0])
    monkeypatch.setattr(time, "sleep", lambda seconds: clock.__setitem__(0, clock[0] + seconds))
    monkeypatch.setattr(events, "send", lambda stream, taken: sent.append(clock[0]))
    lags = click_through(
        clicks(("a", "1", 1), ("a", "2", 2)), lambda user: [("x", min(1, len(sent)) + (clock[0] > 15))], "s"
    )
    assert lags[0] == 0 and lags[1] == pytest.approx(15_000, abs=2_000) and len(sent) == 3


def test_the_lift_is_the_mean_difference_of_the_users_hit_rates() -> None:
    rows = [("a", True, False), ("a", True, False), ("b", False, False)]
    replay = Replay(pd.DataFrame(rows, columns=["USER_ID", "hit_with", "hit_without"]))
    assert replay.hit_rate == (pytest.approx(2 / 3), 0)
    mean, low, high = replay.lift(seed=1, samples=500)
    assert mean == pytest.approx(0.5)
    assert low <= mean <= high


@pytest.mark.parametrize(
    ("hits", "says"),
    [
        ((True, False), "live events help: hit rate +1.000 (+1.000 to +1.000) with them"),
        ((False, True), "live events harm: hit rate -1.000"),
        ((True, True), "live events are not shown to help: hit rate +0.000"),
    ],
)
def test_what_live_events_are_worth_is_told(hits: tuple[bool, bool], says: str) -> None:
    rows = [("a", *hits), ("b", *hits)]
    told = Replay(pd.DataFrame(rows, columns=["USER_ID", "hit_with", "hit_without"])).verdict(seed=1, samples=100)
    assert told.startswith(says)


def test_where_nobody_s_clicks_are_replayed_the_lift_is_no_number() -> None:
    replay = Replay(pd.DataFrame([], columns=["USER_ID", "hit_with", "hit_without"]))
    assert replay.lift(seed=1, samples=500).signed() == "+nan (+nan to +nan)"
    assert replay.verdict(seed=1, samples=500).startswith("nobody else has clicks to replay")


def test_an_explored_item_is_no_sign_of_a_click_and_a_score_is() -> None:
    before = [("a", 0.5), ("b", 0.3), ("explored", 0.01)]
    assert same_scores([("a", 0.5), ("b", 0.3), ("another", 0.02)], before)
    assert not same_scores([("b", 0.5), ("a", 0.4), ("explored", 0.01)], before)
    assert not same_scores([("c", 0.5)], before)


@pytest.mark.parametrize(("refusals", "taken"), [(1, True), (9, False)])
def test_events_that_the_stream_throttles_are_sent_again_alone(
    monkeypatch: pytest.MonkeyPatch, refusals: int, taken: bool
) -> None:
    sent: list[int] = []

    def put_records(StreamName: str, Records: list[dict]) -> dict[str, list[dict]]:
        sent.append(len(Records))
        refused = {"ErrorCode": "ProvisionedThroughputExceededException"}
        return {"Records": [{}] * (len(Records) - 1) + [refused if len(sent) <= refusals else {}]}

    monkeypatch.setattr(events.aws, "client", lambda service: SimpleNamespace(put_records=put_records))
    monkeypatch.setattr(events.time, "sleep", lambda seconds: None)
    three = [events.event("u", item, "view") for item in "abc"]
    if taken:
        assert events.send("shop", three) == 3 and sent == [3, 1]
    else:
        with pytest.raises(AwsError, match="shop took 2 of 3 events, the others were throttled; add shards"):
            events.send("shop", three)
        assert sent == [3, 1, 1, 1, 1]
