"""The three CSV files: exactly what Personalize imports, whole or not there at all."""

import csv
import resource
from collections.abc import Iterator
from pathlib import Path

import pandas as pd
import pytest

from recsys.columns import CATEGORY, CREATION_TIMESTAMP, ITEM_COLUMNS, ITEM_ID, PRICE, TITLE
from recsys.data import generate, prepare, tables
from recsys.errors import DataError

TITLES = [
    "plain",
    "with, comma",
    'a "quoted" word',
    "back\\slash",
    '\\"',
    '15"" pan',
    '"all of it"',
    'a\\,"b",\\\\',
    "two\nlines\r\n and  spaces",
    "ünï£",
    "NA",
    "'",
    ",",
    '"',
]


@pytest.fixture
def items() -> pd.DataFrame:
    count = len(TITLES)
    return pd.DataFrame(
        {
            ITEM_ID: [f"{place:03d}" for place in range(count)],
            CATEGORY: ["Home|Lighting", None] + ["Garden"] * (count - 2),
            PRICE: [12.5, None] + [0.1] * (count - 2),
            CREATION_TIMESTAMP: range(1_700_000_000, 1_700_000_000 + count),
            TITLE: TITLES,
        }
    )


def test_what_is_written_is_read_back(items: pd.DataFrame, tmp_path: Path) -> None:
    again = tables.read_table(tables.write_table(tmp_path / "items.csv", items, ITEM_COLUMNS), ITEM_COLUMNS)
    expected = items.assign(
        **{TITLE: [" ".join(title.split()) for title in TITLES], CATEGORY: items[CATEGORY].astype("str")}
    )
    pd.testing.assert_frame_equal(again, expected.astype({ITEM_ID: "str", TITLE: "str"}))


def test_ids_that_differ_in_white_space_stay_apart(items: pd.DataFrame, tmp_path: Path) -> None:
    ids = ["a b", "a  b", "a\tb"]
    path = tables.write_table(tmp_path / "items.csv", items[:3].assign(ITEM_ID=ids), ITEM_COLUMNS)
    assert tables.read_table(path, ITEM_COLUMNS)[ITEM_ID].tolist() == ids


def test_an_id_of_two_lines_is_refused(items: pd.DataFrame, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"items\.csv: ITEM_ID 'a\\nb' has a line break"):
        tables.write_table(tmp_path / "items.csv", items.assign(ITEM_ID="a\nb"), ITEM_COLUMNS)


def test_quotes_that_other_programs_double_are_read_as_well(items: pd.DataFrame, tmp_path: Path) -> None:
    names = ['15" pan', '9", blue', '""']
    items[:3].assign(TITLE=names, EXTRA='"').to_csv(tmp_path / "items.csv", index=False)
    assert tables.read_table(tmp_path / "items.csv", ITEM_COLUMNS)[TITLE].tolist() == names


def test_rows_with_more_fields_than_the_header_are_refused(tmp_path: Path) -> None:
    (tmp_path / "items.csv").write_text("ITEM_ID,TITLE\n1,a, b\n")
    with pytest.raises(DataError, match="its rows have more fields than its header"):
        tables.read_table(tmp_path / "items.csv", (ITEM_ID, TITLE))


def test_a_file_that_is_none_of_ours_is_refused(tmp_path: Path) -> None:
    (tmp_path / "items.csv").write_bytes(b"ITEM_ID,TITLE\n1,caf\xe9\n")
    with pytest.raises(DataError, match=r"items\.csv: not one of this pipeline's tables: .*utf-8"):
        tables.read_table(tmp_path / "items.csv", ITEM_COLUMNS)


def test_any_reader_that_knows_the_escape_reads_the_same(items: pd.DataFrame, tmp_path: Path) -> None:
    path = tables.write_table(tmp_path / "items.csv", items, ITEM_COLUMNS)
    with path.open(encoding="utf-8", newline="") as file:
        rows = list(csv.reader(file, escapechar="\\", doublequote=False))
    assert rows[0] == list(ITEM_COLUMNS)
    assert [row[-1] for row in rows[1:]] == [" ".join(title.split()) for title in TITLES]


def test_the_file_is_plain_one_record_a_line_with_whole_numbers(items: pd.DataFrame, tmp_path: Path) -> None:
    text = tables.write_table(tmp_path / "items.csv", items, ITEM_COLUMNS).read_bytes().decode("utf-8")
    lines = text.split("\n")
    assert lines[0] == "ITEM_ID,CATEGORY,PRICE,CREATION_TIMESTAMP,TITLE"
    assert lines[1] == "000,Home|Lighting,12.5,1700000000,plain"
    assert lines[2] == '001,,,1700000001,"with, comma"'
    assert lines[3].endswith(',"a \\"quoted\\" word"')
    assert len(lines) == 1 + len(items) + 1 and lines[-1] == "" and "\r" not in text


def test_a_table_written_some_rows_at_a_time_is_the_same_file(items: pd.DataFrame, tmp_path: Path, monkeypatch) -> None:
    whole = tables.write_table(tmp_path / "whole.csv", items, ITEM_COLUMNS).read_bytes()
    monkeypatch.setattr(tables, "BLOCK", 3)
    assert tables.write_table(tmp_path / "parts.csv", items, ITEM_COLUMNS).read_bytes() == whole


def test_extra_columns_and_the_index_stay_out(items: pd.DataFrame, tmp_path: Path) -> None:
    path = tables.write_table(tmp_path / "items.csv", items.assign(extra=1).set_index(items[ITEM_ID]), ITEM_COLUMNS)
    assert path.read_text().startswith(",".join(ITEM_COLUMNS) + "\n")


def test_writing_changes_nothing_in_the_callers_frame(items: pd.DataFrame, tmp_path: Path) -> None:
    before = items.copy()
    tables.write_table(tmp_path / "items.csv", items, ITEM_COLUMNS)
    pd.testing.assert_frame_equal(items, before)


@pytest.fixture
def small_disk() -> Iterator[None]:
    """No file may grow beyond 2,000 bytes."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (2_000, hard))
    yield
    resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@pytest.mark.usefixtures("small_disk")
def test_a_full_disk_leaves_the_old_file_and_no_half_written_one(tmp_path: Path) -> None:
    (tmp_path / "items.csv").write_text("the old one")
    shop = generate.generate(users=30, items=100, days=30)
    with pytest.raises(DataError, match=r"items\.csv: cannot be written: .*; nothing of it is left behind"):
        tables.write_table(tmp_path / "items.csv", shop.items, ITEM_COLUMNS)
    assert [path.name for path in tmp_path.iterdir()] == ["items.csv"]
    assert (tmp_path / "items.csv").read_text() == "the old one"


def test_a_missing_column_is_named(items: pd.DataFrame, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"items\.csv: the table has no column PRICE; it has ITEM_ID"):
        tables.write_table(tmp_path / "items.csv", items.drop(columns=PRICE), ITEM_COLUMNS)
    (tmp_path / "items.csv").write_text("ITEM_ID,NAME\n1,a\n")
    with pytest.raises(DataError, match=r"no column CATEGORY, PRICE, CREATION_TIMESTAMP, TITLE; it has ITEM_ID, NAME$"):
        tables.read_table(tmp_path / "items.csv", ITEM_COLUMNS)


def test_a_missing_table_says_how_to_make_it(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"interactions\.csv: no such file; make it with: recsys data generate"):
        prepare("sample", tmp_path)


def test_the_sample_survives_preparation_and_a_round_trip(tmp_path: Path) -> None:
    sample = prepare("sample")
    sample.write(tmp_path)
    interactions, items, users = tables.read(tmp_path)
    pd.testing.assert_frame_equal(interactions, sample.interactions)
    pd.testing.assert_frame_equal(items, sample.items)
    pd.testing.assert_frame_equal(users, sample.users)


def test_describe_counts_what_is_there() -> None:
    sample = prepare("sample")
    facts = sample.describe().set_index("fact")["value"]
    assert facts["interactions"] == f"{len(sample.interactions):,}"
    assert facts["users"] == "1,200, 1,200 of them active"
    assert facts["first event"] == "2025-01-06"
