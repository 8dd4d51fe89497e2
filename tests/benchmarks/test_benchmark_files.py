"""Public data sets are read in the forms they come in, and what cannot be read is named with its line."""

from pathlib import Path

import pandas as pd
import pytest

from benchmarks.files import k_core, read
from recsys.errors import DataError

EVENTS = [("u1", "a", 978300760), ("u1", "b", 978300761), ("007", "a", 978300762)]


@pytest.fixture
def written(tmp_path):
    def write(text: str, name: str = "data.txt") -> Path:
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
        return path

    return write


def rows(path: Path, **options) -> list[tuple]:
    return list(read(path, **options).interactions.itertuples(index=False, name=None))


@pytest.mark.parametrize(
    "header",
    ["USER_ID,ITEM_ID,TIMESTAMP", "userId,movieId,timestamp", '"user";"item";"time"', "uid|asin|unixReviewTime",
     "user_id:token\titem_id:token\ttimestamp:float"],
)  # fmt: skip
def test_a_header_is_known_in_any_usual_spelling(written, header):
    separator = next(each for each in ",;|\t" if each in header)
    lines = [separator.join(map(str, event)) for event in EVENTS]
    assert rows(written("\n".join([header, *lines]))) == EVENTS


@pytest.mark.parametrize(
    "form", ["{0},{1},{2}", "{0},{1},5,{2}", "{0}::{1}::5::{2}", "{0}\t{1}\t3.5\t{2}", "{0}\t{1}\t{2}"]
)
def test_without_a_header_the_order_of_the_columns_is_the_usual_one(written, form):
    assert rows(written("\n".join(form.format(*event) for event in EVENTS))) == EVENTS


def test_parquet_is_read_like_text(tmp_path):
    path = tmp_path / "events.parquet"
    pd.DataFrame(EVENTS, columns=["visitorid", "itemid", "ts"]).to_parquet(path)
    assert rows(path) == EVENTS


def test_a_line_a_user_is_a_history_oldest_first_without_times(written):
    path = written("1 5 3 5\n2 4\n\n")
    assert rows(path) == [("1", "5", 0), ("1", "3", 1), ("1", "5", 2), ("2", "4", 3)]
    assert not read(path).timed


def test_two_fields_on_every_line_are_pairs(written):
    assert rows(written("1 5\n2 4\n1 3\n")) == [("1", "5", 0), ("2", "4", 1), ("1", "3", 2)]


def test_a_folder_is_a_split_it_came_with(written):
    written("1 5 3\n2 4\n", "given/train.txt")
    path = written("1 4\n2\n", "given/test.txt")
    source = read(path.parent)
    assert len(source.interactions) == 3 and source.test["ITEM_ID"].tolist() == ["4"]


def test_data_in_no_order_does_not_pass_for_history(written):
    ids = [str(item) for item in range(100)]
    written(f"u {' '.join(ids)}\n", "given/train.txt")
    path = written("u 100\n", "given/test.txt")
    shuffled = read(path.parent).interactions["ITEM_ID"].tolist()
    assert sorted(shuffled) == sorted(ids) != shuffled != ids
    assert read(path.parent).interactions["ITEM_ID"].tolist() == shuffled


def test_a_folder_without_its_second_file_is_refused(written):
    with pytest.raises(DataError, match=r"test.txt: no such file"):
        read(written("1 5 3\n", "given/train.txt").parent)


def test_a_core_changes_no_split_the_data_came_with(written):
    with pytest.raises(DataError, match="leave --core out"):
        read(written("1 5\n", "given/train.txt").parent, core=5)


def test_online_retail_is_cleaned_of_what_is_no_sale(written):
    path = written(
        "InvoiceNo,StockCode,Description,Quantity,InvoiceDate,UnitPrice,CustomerID,Country\n"
        "536365,85123A,MUG,6,2010-12-01 08:26:00,2.55,17850.0,UK\n"
        "C36366,85123A,MUG,-6,2010-12-01 08:28:00,2.55,17850.0,UK\n"
        "536367,85123A,MUG,6,2010-12-01 08:30:00,2.55,,UK\n"
        "536368,85123A,MUG,6,2010-12-01 08:32:00,0,17850.0,UK\n",
        "retail.csv",
    )
    assert rows(path) == [("17850", "85123A", 1291191960)]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("1 5 3\n2 4\n1 9 9\n", r"line 3: user '1' has line 1 already"),
        ("user,item,time\n1,a,978300760\n1,b,9783,00761\n", r"line 3, saw 4"),
        ("user,item,time\n1,a,978300760\n1,,978300761\n", r"row 2 has no ITEM_ID \(item\)"),
        ("user,thing,time\n1,a,978300760\n", r"no column ITEM_ID in any usual spelling; there are user, thing, time"),
        ("user,item\n1,a\n", r"no column TIMESTAMP"),
        ("who,what\n1,a\n", r"line 1 is no header"),
        ("user,item,time\n1,a,b,978300760\n", r"line 2 has more fields than line 1"),
        ("1 \n2 \n3 4 5\n3\n", r"line 4: user '3'"),
        ("1\n2\n", r"no user has an item"),
        ("", r"the file is empty"),
    ],
)
def test_what_cannot_be_read_is_named(written, text, message):
    with pytest.raises(DataError, match=message):
        read(written(text))


def test_a_core_is_taken_until_nothing_more_falls_out(written):
    # d has one event; without it w has one; without w, c has one: all that is left is u and v over a and b
    path = written("u a b\nv a b c\nw c d\n")
    assert {row[:2] for row in rows(path, core=2)} == {("u", "a"), ("u", "b"), ("v", "a"), ("v", "b")}


def test_a_core_of_nothing_is_refused():
    with pytest.raises(DataError, match="choose a smaller core"):
        k_core(pd.DataFrame(EVENTS, columns=["USER_ID", "ITEM_ID", "TIMESTAMP"]), 5)
