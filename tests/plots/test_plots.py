"""Every figure: the same PNG for the same data, alt text with the right numbers, a clear error for no data."""

import re
from collections.abc import Callable
from io import BytesIO
from itertools import pairwise
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from matplotlib import pyplot
from PIL import Image

from recsys import plots
from recsys.columns import EVENT_TYPE, ITEM_ID, TIMESTAMP, USER_ID
from recsys.data import session_statistics, sessionise
from recsys.errors import DataError
from recsys.plots import Figure, style
from recsys.plots.data import _count_histogram

DAY = 86_400
MONDAY = 1_767_571_200  # 2026-01-05 00:00 UTC


def interactions(events: int = 400) -> pd.DataFrame:
    """Four items in the ratio 8 : 1 : 1 : 0.x, 20 users, 40 days, two thirds views."""
    place = np.arange(events)
    return pd.DataFrame(
        {
            USER_ID: (place % 20).astype(str),
            ITEM_ID: np.where(place % 10 < 8, "a", np.where(place % 10 == 8, "b", "c")),
            TIMESTAMP: MONDAY + place * DAY // 10,
            EVENT_TYPE: np.where(place % 3 < 2, "view", "purchase"),
        }
    )


def visits(events: pd.DataFrame, gap_minutes: float = 30) -> pd.DataFrame:
    return session_statistics(sessionise(events, gap_minutes))


def metrics_table() -> pd.DataFrame:
    values = {"NDCG@5": (0.2, 0.05), "NDCG@10": (0.3, 0.1), "coverage": (0.6, 0.02)}
    rows = [
        (name, metric, pair[place], pair[place] * 0.9, pair[place] * 1.1)
        for place, name in enumerate(("model", "popularity"))
        for metric, pair in values.items()
    ]
    return pd.DataFrame(rows, columns=["name", "metric", "mean", "low", "high"])


def quality() -> pd.DataFrame:
    rows = [("no user", 25, 0.25, "removed"), ("no title", 3, 0.03, "kept"), ("odd", 0, 0.0, "removed")]
    return pd.DataFrame(rows, columns=["problem", "rows", "share", "action"])


def trials() -> pd.DataFrame:
    return pd.DataFrame(
        {"l2": [1.0, 10.0, 100.0], "same": [7, 7, 7], "ndcg": [0.1, 0.3, 0.2], "seconds": [1.0, 2.0, 3.0]}
    )


def per_user() -> pd.DataFrame:
    return pd.DataFrame({"events": [1, 1, 9, 9] * 5, "model": [0.2, 0.2, 0.6, 0.6] * 5, "popularity": [0.1] * 20})


FINAL = {"test:ndcg_at_10": 0.25, "test:popularity_ndcg_at_10": 0.05}


def reported() -> pd.DataFrame:
    """What a training job printed: three trials, then its test."""
    rows = [("validation:ndcg_at_10", value) for value in (0.1, 0.3, 0.2)]
    return pd.DataFrame([*rows, *FINAL.items()], columns=["metric_name", "value"])


def clicks() -> pd.DataFrame:
    return pd.DataFrame({USER_ID: list("abcd") * 5, "hit_with": [True, False] * 10, "hit_without": [False] * 20})


def variants() -> pd.DataFrame:
    """Two variants, of 50 users each."""
    rows = [("new", 50, 0.6, 0.4, 0.8), ("now", 50, 0.3, 0.2, 0.4)]
    return pd.DataFrame(rows, columns=["variant", "users", "events", "events_low", "events_high"])


def lifts() -> pd.DataFrame:
    return pd.DataFrame({"users": [50, 100], "mean": [3.0, 2.0], "low": [0.5, 1.2], "high": [9.0, 3.1]})


def parts() -> pd.DataFrame:
    """A trace of three parts: 10 ms, of which 6 in the second, of which 4 in the third."""
    rows = [("API Gateway", 0, 0.0, 10.0), ("handler", 1, 2.0, 6.0), ("Personalize Runtime", 2, 3.0, 4.0)]
    return pd.DataFrame(rows, columns=["part", "depth", "start", "milliseconds"])


def signs() -> pd.DataFrame:
    """Two minutes of an API, three apart."""
    rows = [("count", "Count", "Sum", 60, 90), ("count", "5XXError", "Sum", 0, 0), ("ms", "Latency p99", "p99", 40, 25)]
    moments = [pd.Timestamp("2026-01-05 10:00"), pd.Timestamp("2026-01-05 10:03")]
    told = [
        ("API", unit, sign, stat, at, row[place]) for unit, sign, stat, *row in rows for place, at in enumerate(moments)
    ]
    return pd.DataFrame(told, columns=["panel", "unit", "sign", "stat", "minute", "value"])


def weeks() -> tuple[pd.DataFrame, pd.DataFrame]:
    """A week that was learned from and two new ones, of which the items of the last are beyond chance."""
    start = pd.date_range("2026-01-05", periods=3, freq="7D")
    new = [False, True, True]
    table = {"week": start, "new": new, "index": [0.1, 0.1, 0.5], "limit": [0.2, 0.2, 0.25]}
    items = pd.DataFrame({"view": "items", **table})
    types = pd.DataFrame({"view": "event types", **table, "index": 0.01})
    unseen = pd.DataFrame({"week": start[1:], "days": [7, 3], "items": [0.0, 0.02], "users": [0.1, 0.04]})
    return pd.concat([items, types]), unseen


def retraining_steps() -> pd.DataFrame:
    """Four steps of a retraining that began at the second 1000."""
    seconds = pd.Series([1.0, 2.0, 6.0, 3.0])
    start = seconds.cumsum() - seconds
    names = ["look", "import", "train", "update"]
    return pd.DataFrame({"step": names, "at": 1000 + start, "start": start, "seconds": seconds})


def answers(failed: int = 0) -> pd.DataFrame:
    """Requests during these steps, of which the last `failed` failed and the first was answered by what is popular."""
    place = np.arange(100)
    status = np.where(place < 100 - failed, 200, 500)
    source = np.where(status == 500, "InternalError", np.where(place == 0, "popular", "campaign"))
    return pd.DataFrame({"at": 1000 + place * 0.12, "status": status, "source": source, "milliseconds": place + 1.0})


BETTER = {"route": "recommendations", "outcome": "live", "reason": "", "metric": "NDCG@10"}
BETTER |= {"servingValue": 0.3, "newValue": 0.33}
WORSE = {**BETTER, "route": "similar-items", "outcome": "refused", "newValue": 0.15}
TOLD = {"outcome": "refused", "reason": "", "models": [BETTER, WORSE]}


EVERY: dict[str, Callable[[], Figure]] = {
    "popularity_curve": lambda: plots.popularity_curve(interactions()),
    "events_per_user_and_item": lambda: plots.events_per_user_and_item(interactions()),
    "events_per_day": lambda: plots.events_per_day(interactions()),
    "hour_of_week": lambda: plots.hour_of_week(interactions()),
    "sessions": lambda: plots.sessions(visits(interactions())),
    "quality_report": lambda: plots.quality_report(quality(), 100),
    "cold_start_over_time": lambda: plots.cold_start_over_time(interactions()),
    "split_timeline": lambda: plots.split_timeline({"train": interactions()[:300], "test": interactions()[300:]}),
    "tuning_trials": lambda: plots.tuning_trials(trials()),
    "metric_bars": lambda: plots.metric_bars(metrics_table()),
    "popularity_bias": lambda: plots.popularity_bias(np.array([90, 5, 3, 1, 1]), {"model": np.array([[0, 4]])}),
    "by_activity": lambda: plots.by_activity(per_user(), samples=50),
    "latency_histogram": lambda: plots.latency_histogram(np.arange(1, 101)),
    "latency_compared": lambda: plots.latency_compared({"endpoint": np.arange(1, 102), "campaign": np.ones(3)}),
    "scraped_metrics": lambda: plots.scraped_metrics(reported(), FINAL),
    "retraining_steps": lambda: plots.retraining_steps(retraining_steps()),
    "answers_meanwhile": lambda: plots.answers_meanwhile(answers(2), retraining_steps(), np.arange(1, 101)),
    "retraining_verdict": lambda: plots.retraining_verdict(TOLD, 5),
    "usd_per_million": lambda: plots.usd_per_million({"campaign": 55.6, "batch": 0.5}),
    "vital_signs": lambda: plots.vital_signs(signs()),
    "request_timeline": lambda: plots.request_timeline(parts(), 12.0),
    "drift_by_week": lambda: plots.drift_by_week(*weeks()),
    "stream_lag": lambda: plots.stream_lag(np.arange(1, 101)),
    "before_after": lambda: plots.before_after(["tea", "cup", "pot"], ["jam", "tea", "pot"], ["bread"], user="7"),
    "replay_hit_rate": lambda: plots.replay_hit_rate(clicks()),
    "smallest_lift": lambda: plots.smallest_lift(0.2, 1000),
    "experiment_result": lambda: plots.experiment_result(variants(), {"new": (2.0, 1.2, 3.1)}, "now"),
    "lift_so_far": lambda: plots.lift_so_far(lifts(), "new", "now"),
    "usd_a_day": lambda: plots.usd_a_day({"stream": 1.0, "campaign/main": 4.0}),
}

FINDINGS = {
    "popularity_curve": "most popular 20 % of 3 items draw 80 % of 400 events (Gini 0.47)",
    "events_per_user_and_item": "median user has 20 events, the median item 40; 0 % of 20 users and 0 % of 3 items",
    "events_per_day": "mean of 10 events a day over 40 days",
    "hour_of_week": "the weekend holds 25 % of all",
    "sessions": "median of 400 sessions has 1 event; 0 % last longer than one moment.",
    "quality_report": "no user, touches 25 rows, 25 % of 100 raw interactions (removed). no user: 25 removed;",
    "cold_start_over_time": "median day 0 % of events are on items first seen in it",
    "split_timeline": "oldest first: train 75 %, test 25 %. train: 300 events (75 %), 2026-01-05 to 2026-02-03",
    "tuning_trials": "best of 3 settings (l2 10) reaches ndcg 0.300, the worst 0.100. Trying them took 6.0 seconds.",
    "metric_bars": "NDCG@5 of model is 0.200 (0.180 to 0.220), 4.00 times that of popularity.",
    "popularity_bias": "most popular 20 % of items make up 90 % of demand, 50 % of model.",
    "by_activity": "NDCG@10 of model is 0.200 for users with 1 event and 0.600 for those with 9 events.",
    "latency_compared": "endpoint p50 51.0 ms, p99 100 ms; campaign p50 1.00 ms, p99 1.00 ms.",
    "scraped_metrics": "The best of 3 trials reaches 0.300 on the validation users; on unseen users",
    "retraining_steps": "The retraining took 12.0 s; its longest step, train, 6.0 s (50 %). look: 1.0 s; import: 2.0 s",
    "answers_meanwhile": "100 requests meanwhile, 2 of them failed; half took at most 50.5 ms and 99 % at most "
    "99.0 ms; before it 50.5 and 99.0 ms. The slowest took 100 ms. By: campaign 97, popular 1, failed 2.",
    "retraining_verdict": "recommendations live: NDCG@10 was 0.3000 and is 0.3300 (+10.0 %), refused below 0.2850; "
    "similar-items refused: NDCG@10 was 0.3000 and is 0.1500 (-50.0 %), refused below 0.2850. A version is refused",
    "usd_per_million": "A million answers cost 0.5 USD by batch, 56 USD by campaign.",
    "latency_histogram": "Half of 100 requests are answered within 50.5 ms, 95 % within 95.0 ms and 99 % within 99.0",
    "vital_signs": "In 4 minutes: API 150 requests, 0 5xx, p99 at most 40.0 ms.",
    "request_timeline": "Of 10.0 ms: 40 % in API Gateway, 40 % in Personalize Runtime, 20 % in handler. The client",
    "drift_by_week": "New weeks above chance, of 2: items 1, event types 0. In the last week, 3 days long "
    "so far, 2.0 % of events are on items",
    "stream_lag": "Half of 100 events count after 50.0 ms, 95 % after 95.0 ms, the slowest after 100 ms.",
    "before_after": "After 1 click on bread, 1 of the 3 recommendations of user 7 are new. Before: tea, cup, pot.",
    "replay_hit_rate": "After 20 clicks of 4 users: 50 % with events",
    "smallest_lift": "1,000 users show a lift of 20 % or more four times in five; a lift of 10 % takes 4,000 users.",
    "experiment_result": "new has 2.00 times (1.20 to 3.10) the events a user of now. new: 0.600 events a user (0.400",
    "lift_so_far": "100 users new stands at 2.00 times now (1.20 to 3.10); the interval left 1 out at 1 of 2 looks.",
    "usd_a_day": "costs 5.00 USD a day, 152 in a month of 730 hours, whether or not anybody calls; the dearest is",
}


def test_every_public_figure_is_tested() -> None:
    assert set(EVERY) == set(FINDINGS) == set(plots.__all__) - {"Figure"}


@pytest.mark.parametrize("name", EVERY)
def test_a_figure_states_its_finding_in_a_small_png_of_the_same_bytes_each_time(name: str) -> None:
    first, second = EVERY[name](), EVERY[name]()
    assert FINDINGS[name] in first.alt
    assert first.png.startswith(b"\x89PNG") and len(first.png) < 60_000
    assert first == second
    assert not re.search(b"Software|tIME|tEXt|Matplotlib", first.png)
    assert pyplot.get_fignums() == []


def test_a_notebook_gets_an_image_whose_alt_text_is_the_finding() -> None:
    shown = Figure(b"png", 'a "quoted" <finding>')._repr_html_()
    assert shown.startswith('<img alt="a &quot;quoted&quot; &lt;finding&gt;"')
    assert 'src="data:image/png;base64,cG5n"' in shown


def test_a_log_shows_the_finding_in_place_of_the_figure() -> None:
    assert repr(Figure(b"", "items are unequal")) == "Figure: items are unequal"


def test_save_writes_the_png_and_makes_its_folder(tmp_path: Path) -> None:
    figure = EVERY["usd_a_day"]()
    assert figure.save(tmp_path / "new" / "figure.png").read_bytes() == figure.png


@pytest.mark.parametrize(
    "draw",
    [
        plots.popularity_curve,
        plots.events_per_user_and_item,
        plots.events_per_day,
        plots.hour_of_week,
        plots.cold_start_over_time,
    ],
)
def test_a_figure_of_no_interactions_says_that_there_is_nothing_to_draw(draw: Callable[..., Figure]) -> None:
    with pytest.raises(DataError, match=f"{draw.__name__}: the table is empty, there is nothing to draw"):
        draw(interactions(0))
    with pytest.raises(DataError, match=f"{draw.__name__}: no column .*; the table has other"):
        draw(pd.DataFrame({"other": [1]}))


@pytest.mark.parametrize(
    "draw",
    [
        plots.popularity_curve,
        plots.events_per_user_and_item,
        plots.events_per_day,
        plots.hour_of_week,
    ],
)
@pytest.mark.parametrize("events", [1, 2])
def test_one_user_with_one_or_two_events_can_be_drawn(draw: Callable[..., Figure], events: int) -> None:
    assert draw(interactions(events).assign(**{USER_ID: "1"})).png


def test_where_no_setting_could_be_tried_the_figure_says_so() -> None:
    drawn = plots.tuning_trials(pd.DataFrame(columns=["ndcg", "seconds", "chosen"]))
    assert drawn.png and "None: too few users can be held out to choose by, so the defaults hold." in drawn.alt


@pytest.mark.parametrize("draw", [plots.metric_bars, plots.by_activity])
def test_an_empty_table_is_an_error_that_names_the_figure(draw: Callable[..., Figure]) -> None:
    columns = ["name", "metric", "mean", "low", "high", "ndcg", "events"]
    with pytest.raises(DataError, match=f"{draw.__name__}: the table is empty"):
        draw(pd.DataFrame(columns=columns))


@pytest.mark.parametrize("draw", [plots.latency_histogram, plots.stream_lag])
@pytest.mark.parametrize(
    ("values", "says"),
    [([], "no values"), ([1.0, float("nan")], "1 of 2 values are missing"), ([0.0], "0 ms is not a time")],
)
def test_times_that_are_none_are_refused(draw: Callable[..., Figure], values: list[float], says: str) -> None:
    with pytest.raises(DataError, match=f"{draw.__name__}: .*{says}|{draw.__name__}: {says}"):
        draw(values)


def test_one_request_is_a_histogram_too() -> None:
    assert "Half of 1 request are answered within 7.00 ms" in plots.latency_histogram([7.0]).alt


def test_more_than_five_event_types_are_drawn_as_five_and_other() -> None:
    events = interactions(70).assign(**{EVENT_TYPE: [f"kind{place % 7}" for place in range(70)]})
    assert "other" in plots.events_per_day(events).alt


def test_days_without_events_count_as_days() -> None:
    events = interactions(2).assign(**{TIMESTAMP: [MONDAY, MONDAY + 9 * DAY]})
    assert "over 10 days; the busiest, 2026-01-05, has 1; 8 days had none." in plots.events_per_day(events).alt


def test_the_busiest_hour_is_named_in_utc() -> None:
    events = interactions(3).assign(**{TIMESTAMP: [MONDAY + 2 * DAY + 13 * 3600] * 3})
    assert "The busiest hour is Wednesday 13:00 with 3 events" in plots.hour_of_week(events).alt


def test_a_session_ends_with_a_pause_longer_than_the_gap() -> None:
    events = interactions(3).assign(**{USER_ID: "1", TIMESTAMP: [0, 1800, 3601]})
    assert "The median of 2 sessions has 2 events; 50 % last longer" in plots.sessions(visits(events)).alt
    assert "The median of 1 session has 3 events" in plots.sessions(visits(events, 31), gap_minutes=31).alt


def test_cold_start_needs_more_than_one_period() -> None:
    with pytest.raises(DataError, match="all events lie in one day"):
        plots.cold_start_over_time(interactions(5))


def test_what_was_seen_in_an_earlier_period_is_not_cold() -> None:
    days = pd.DataFrame(
        {USER_ID: ["1", "1", "2"], ITEM_ID: ["a", "a", "a"], TIMESTAMP: [MONDAY, MONDAY + DAY, MONDAY + DAY]}
    )
    assert (
        "0 % of events are on items first seen in it and 50 % by users first seen"
        in plots.cold_start_over_time(days).alt
    )


def test_clean_data_is_drawn_as_good_news() -> None:
    assert "No problem was found in 1,000 raw interactions." in plots.quality_report(quality()[2:], 1000).alt


def test_a_problem_of_another_table_names_it() -> None:
    report = quality()[:1].assign(table="items")
    assert "no user (items), touches 25 rows, 25 % of the items (removed)" in plots.quality_report(report, 100).alt


def test_what_was_done_about_a_problem_has_its_colour_whatever_the_others_are() -> None:
    kept, removed = quality()[1:2], quality()[:1]
    for report in (kept, pd.concat([removed, kept])):
        image = Image.open(BytesIO(plots.quality_report(report, 100).png)).convert("RGB")
        assert (style.PURPLE in colours(image), style.BLUE in colours(image)) == (True, len(report) == 2)


def colours(image: Image.Image) -> set[str]:
    return {"#{:02X}{:02X}{:02X}".format(*colour) for _, colour in image.getcolors(1 << 20)}


def test_of_a_few_events_no_time_is_told_within_which_nearly_all_count() -> None:
    assert (
        "Half of 6 events count after 3.00 ms, the slowest after 90.0 ms." in plots.stream_lag([1, 2, 3, 4, 5, 90]).alt
    )


def test_of_many_clicks_the_newest_are_named() -> None:
    clicked = ["oldest", "old", "new", "newer", "newest"]
    assert "After 5 clicks, the newest on newest; newer; new, 1 of" in plots.before_after(["a"], ["b"], clicked).alt


def test_titles_that_are_whole_descriptions_leave_the_finding_short() -> None:
    assert len(plots.before_after(["a"], ["b"], ["word " * 100] * 3).alt) < 250


def test_letters_that_no_font_has_are_told_in_one_warning() -> None:
    with pytest.warns(UserWarning) as told:
        plots.before_after(["\u2fda\u2fdb"], ["\u2fd8"], ["tea"])  # nobody has them: they are not assigned
    assert len(told) == 1
    assert re.match("boxes stand for . . ., which no font here has: install one", str(told[0].message))


def test_a_lift_that_too_few_events_tell_is_said_to_be_unknown() -> None:
    alt = plots.experiment_result(variants(), {"new": (2.0, 0.7, float("inf"))}, "now").alt
    assert alt.startswith("Which variant did better. new against now: too few events to tell.")


def test_bars_are_headed_by_what_they_compare() -> None:
    assert plots.metric_bars(metrics_table(), title="Old against new").alt.startswith("Old against new. NDCG@5")


@pytest.mark.parametrize(
    ("draw", "says"),
    [
        (
            lambda: plots.quality_report(quality().drop(columns="share"), 9),
            "quality_report: no column share; the table",
        ),
        (lambda: plots.split_timeline({}), "split_timeline: no parts, there is nothing to draw"),
        (
            lambda: plots.popularity_bias(np.zeros(3), {"model": np.array([[0]])}),
            "popularity_bias: no item has an event",
        ),
        (lambda: plots.by_activity(per_user()[["events"]]), "by_activity: no model's column beside events"),
        (lambda: plots.scraped_metrics(reported(), {}), "the job reported no test:ndcg_at_10, test:popularity_ndcg_at"),
        (lambda: plots.latency_compared({}), "latency_compared: nobody was asked"),
        (lambda: plots.usd_per_million({"campaign": 0.0}), "usd_per_million: 0 USD is no price"),
    ],
)
def test_what_a_figure_lacks_is_named(draw: Callable[[], Figure], says: str) -> None:
    with pytest.raises(DataError, match=re.escape(says)):
        draw()


@pytest.mark.filterwarnings("error")  # as where the words do not fit
def test_a_training_job_that_tried_nothing_has_its_test_told() -> None:
    drawn = plots.scraped_metrics(reported()[3:], FINAL)
    assert "No setting was tried: too few users can be held out" in drawn.alt and "they have 0.250" in drawn.alt


def test_a_setting_that_is_off_is_called_none() -> None:
    assert "(l2 none) reaches" in plots.tuning_trials(trials().assign(l2=[1.0, None, 2.0])).alt


def test_a_part_without_events_is_named() -> None:
    with pytest.raises(DataError, match=r"split_timeline \(test\): the table is empty"):
        plots.split_timeline({"train": interactions(), "test": interactions(0)})


def test_an_unknown_metric_is_named_with_those_there_are() -> None:
    with pytest.raises(DataError, match="no metric MRR@25 in the table; it has NDCG@5, NDCG@10, coverage"):
        plots.metric_bars(metrics_table(), ["MRR@25"])


def test_a_baseline_at_zero_is_not_divided_by() -> None:
    table = metrics_table()
    table.loc[table["name"] == "popularity", ["mean", "low", "high"]] = 0.0
    assert "popularity has 0." in plots.metric_bars(table, ["NDCG@10"]).alt


def test_one_setting_is_said_to_be_the_only_one() -> None:
    assert "The only setting reaches ndcg 0.100." in plots.tuning_trials(trials()[:1]).alt


def test_the_star_is_what_was_chosen_though_another_was_better() -> None:
    worst = trials()["ndcg"] == trials()["ndcg"].min()
    alt = plots.tuning_trials(trials().assign(chosen=worst)).alt
    assert "The chosen of 3 settings (l2 1) reaches ndcg 0.100, the best 0.300, the worst 0.100." in alt


def test_recommendations_of_nothing_are_an_error() -> None:
    with pytest.raises(DataError, match="a list of recommendations is empty"):
        plots.before_after([], ["tea"], ["cup"])


def test_figures_leave_the_tables_they_draw_as_they_were() -> None:
    events, table = interactions(), metrics_table()
    before = events.copy(), table.copy()
    plots.cold_start_over_time(events)
    plots.metric_bars(table)
    pd.testing.assert_frame_equal(events, before[0])
    pd.testing.assert_frame_equal(table, before[1])


def test_a_lift_that_may_be_chance_is_said_to_be_so() -> None:
    alt = plots.experiment_result(variants(), {"new": (1.1, 0.8, 1.5)}, "now").alt
    assert "1.10 times (0.800 to 1.50) the events a user of now, which may be chance." in alt
    nobody = variants().assign(events=0.0, events_low=0.0, events_high=0.0)
    assert plots.experiment_result(nobody, {"new": (np.nan,) * 3}, "now").png


def test_fewer_users_than_a_usual_lift_takes_are_told_how_many_it_takes() -> None:
    assert "a lift of 10 % takes 40,000 users" in plots.smallest_lift(1.0, 400).alt


def test_a_lift_that_nothing_tells_of_yet_is_drawn_as_that() -> None:
    assert "Nothing can be told of new and now yet." in plots.lift_so_far(lifts()[:0], "new", "now").alt


def test_an_experiment_without_a_variant_to_beat_is_refused() -> None:
    with pytest.raises(DataError, match="experiment_result: other and a variant to hold against it are needed"):
        plots.experiment_result(variants(), {"new": (1.1, 0.8, 1.5)}, "other")


def test_a_setting_is_named_by_where_it_differs_from_the_best() -> None:
    many = pd.DataFrame([{"ndcg": score, **{f"s{n}": score * (n < 6) for n in range(8)}} for score in (0.1, 0.3)])
    assert "The best of 2 settings (s0 0.3, s1 0.3, s2 0.3, s3 0.3, s4 0.3, s5 0.3)" in plots.tuning_trials(many).alt


def test_a_setting_tried_twice_is_one_whose_later_result_counts() -> None:
    twice = pd.DataFrame({"decays": [[0.0], [0.5], [0.0]], "ndcg": [0.1, 0.2, 0.3], "seconds": [1.0, 1.0, 1.0]})
    alt = plots.tuning_trials(twice).alt
    assert "The best of 2 settings (decays [0.0]) reaches ndcg 0.300, the worst 0.200. Trying them took 3.0" in alt


def test_a_day_of_several_types_says_that_its_total_holds_them_all() -> None:
    assert "has 10 (view and purchase together)." in plots.events_per_day(interactions()).alt
    assert "together" not in plots.events_per_day(interactions().assign(**{EVENT_TYPE: "view"})).alt


def test_a_whole_last_week_is_not_said_to_be_a_part() -> None:
    table, unseen = weeks()
    assert "In the last week 2.0 % of events" in plots.drift_by_week(table, unseen.assign(days=7)).alt


def test_every_whole_number_is_in_one_class_and_each_class_is_as_wide_as_all_before() -> None:
    for most in (1, 2, 3, 4, 5, 309):
        classes = style.doublings(most)
        assert [n for low, high in classes for n in range(low, high + 1)] == list(range(1, classes[-1][1] + 1))
        assert classes[-1][0] <= most <= classes[-1][1]


def test_of_a_minute_or_of_none_there_are_vital_signs_too() -> None:
    assert "In 1 minute: API 60 requests" in plots.vital_signs(signs()[::2]).alt
    assert "CloudWatch was told of nothing about API, Campaign, Stream." in plots.vital_signs(signs()[:0]).alt


def test_a_panel_without_data_is_not_drawn_and_others_go_by_their_own_names() -> None:
    other = signs()[:2].assign(panel="Endpoint", sign="Backlog")
    assert "In 4 minutes: Endpoint 150 Backlog" in plots.vital_signs(other, ["API", "Endpoint"]).alt


def test_a_request_that_took_no_time_is_drawn() -> None:
    assert "nothing that could be measured" in plots.request_timeline(parts()[:1].assign(milliseconds=0.0), 1.0).alt


def test_one_new_week_is_enough_for_a_figure_of_drift() -> None:
    index, unseen = weeks()
    last = index["week"] == index["week"].max()
    assert "of 1: items 1, event types 0." in plots.drift_by_week(index[last], unseen[1:]).alt


def test_a_retraining_that_compared_nothing_says_why() -> None:
    busy = {**BETTER, "outcome": "refused", "reason": "the campaign is being updated", "newValue": None}
    told = {**TOLD, "models": [busy]}
    assert "recommendations refused: the campaign is being updated." in plots.retraining_verdict(told, 5).alt
    told = {"outcome": "refused", "reason": "another is at work", "models": []}
    assert "Refused: another is at work." in plots.retraining_verdict(told, 5).alt


def test_a_retraining_of_an_hour_is_told_in_minutes() -> None:
    long = retraining_steps().assign(seconds=[1.0, 200.0, 3600.0, 700.0])
    assert "train: 60 min" in plots.retraining_steps(long).alt
    assert "import: 3.3 min" in plots.retraining_steps(long).alt


def test_one_answer_during_a_retraining_can_be_drawn() -> None:
    assert "1 request meanwhile, 0 of them failed" in plots.answers_meanwhile(answers()[:1], retraining_steps()).alt


@pytest.mark.parametrize("most", [3, 60, 4_537, 70_000, 3_000_000])
def test_the_names_of_a_histograms_classes_do_not_touch_each_other(most: int) -> None:
    with style.canvas(3.3, columns=2) as (figure, (axes, _)):
        _count_histogram(axes, np.array([1, 2, most]), "events per item", "items")
        figure.canvas.draw()
        boxes = [label.get_window_extent() for label in axes.get_xticklabels()]
    assert all(one.x1 + 4 < other.x0 for one, other in pairwise(boxes)) and len(boxes) >= 2
