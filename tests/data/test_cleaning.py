"""Cleaning rules and the quality report."""

import numpy as np
import pandas as pd
import pytest

from recsys.columns import EVENT_TYPE, EVENT_VALUE, ITEM_ID, TIMESTAMP, USER_ID
from recsys.data.checks import QualityReport
from recsys.data.clean import Rule, clean, merge_lines, rules

NOW = 1_700_000_000


@pytest.fixture
def events() -> pd.DataFrame:
    rows = [
        ("u1", "i1", NOW - 9, "view", np.nan),
        ("u1", "i1", NOW - 9, "view", np.nan),
        (None, "i2", NOW - 8, "view", np.nan),
        (None, None, NOW - 7, "view", np.nan),
        ("u2", "x" * 257, NOW - 6, "view", np.nan),
        ("u2", "i2", NOW + 10**6, "view", np.nan),
        ("u2", "i2", pd.NA, "view", np.nan),
        ("u2", "i\n2", NOW - 6, "view", np.nan),
        ("u2", "i3", NOW - 5, "purchase", np.inf),
    ]
    return pd.DataFrame(rows, columns=[USER_ID, ITEM_ID, TIMESTAMP, EVENT_TYPE, EVENT_VALUE]).astype(
        {USER_ID: "str", ITEM_ID: "str", TIMESTAMP: "Int64"}
    )


def test_every_rule_reports_what_it_met_and_what_it_took(events: pd.DataFrame) -> None:
    kept, problems = clean(events, rules(NOW))
    met = {problem.problem: (problem.rows, problem.removed) for problem in problems if problem.rows}
    assert met == {
        "no user": (2, 2),
        "no item": (1, 0),
        "no readable time": (1, 1),
        "time in the future": (1, 1),
        "id longer than 256 characters": (1, 1),
        "id with a line break": (1, 1),
        "exact duplicate": (1, 1),
        "infinite event value": (1, 0),
    }
    assert kept[ITEM_ID].tolist() == ["i1", "i3"]
    assert len(kept) == len(events) - sum(problem.removed for problem in problems)


def test_cleaning_leaves_the_callers_frame_alone(events: pd.DataFrame) -> None:
    before = events.copy()
    clean(events, rules(NOW))
    pd.testing.assert_frame_equal(events, before)


def test_examples_show_the_columns_that_explain(events: pd.DataFrame) -> None:
    rule = Rule("no user", lambda frame: frame[USER_ID].isna(), (ITEM_ID, TIMESTAMP))
    assert clean(events, [rule])[1][0].examples == (f"i2 / {NOW - 8}", f"(none) / {NOW - 7}")


def test_merged_lines_keep_the_order_and_the_total() -> None:
    frame = pd.DataFrame({USER_ID: "abab", ITEM_ID: "x", TIMESTAMP: 1, EVENT_VALUE: [1.0, 2.0, 3.0, 4.0]})
    frame[USER_ID] = list("abab")
    merged, problem = merge_lines(frame, (USER_ID, ITEM_ID, TIMESTAMP))
    assert merged[EVENT_VALUE].tolist() == [4.0, 6.0]
    assert problem.rows == problem.removed == 2


def test_the_report_reads_as_a_table_and_as_text(events: pd.DataFrame) -> None:
    kept, problems = clean(events, rules(NOW))
    report = QualityReport("file", len(events), len(kept), tuple(problems), ("when read as epoch seconds",))
    frame = report.to_frame()
    assert list(frame) == ["table", "problem", "rows", "share", "action", "removed", "examples"]
    assert frame["rows"].is_monotonic_decreasing and frame["rows"].min() > 0
    assert len(report.to_frame(all_checks=True)) == len(problems)
    assert str(report).startswith(
        "file: 9 raw interactions, 2 kept; 8 checks\n          2  22.22%  no user (interactions): removed"
    )
    assert str(report).endswith("note: when read as epoch seconds")


def test_a_clean_table_says_so() -> None:
    assert "no problem found" in str(QualityReport("file", 5, 5, ()))
