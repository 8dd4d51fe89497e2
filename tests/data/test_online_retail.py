"""Online Retail: the same content in every form it goes round in, and every kind of its dirt met and counted."""

import zipfile
from datetime import datetime, timedelta
from pathlib import Path

import pandas as pd
import pytest
from openpyxl import Workbook

from recsys.columns import CATEGORY, COUNTRY, EVENT_TYPE, EVENT_VALUE, ITEM_ID, PRICE, TIMESTAMP, TITLE, USER_ID
from recsys.data import Prepared, prepare, retail
from recsys.data.retail_categories import OTHER, categories
from recsys.errors import DataError

REAL = Path(__file__).parents[3] / "shared" / "data" / "online-retail" / "online-retail.parquet"
needs_the_real_file = pytest.mark.skipif(not REAL.exists(), reason=f"no copy of Online Retail at {REAL}")


def as_excel(lines: pd.DataFrame, path: Path) -> Path:
    """As the archive's own file: ids and odd descriptions as numbers, real dates, empty cells."""
    book = Workbook(write_only=True)
    sheet = book.create_sheet("Online Retail")
    sheet.append(list(lines.columns))
    for invoice, code, text, quantity, date, price, customer, country in lines.itertuples(index=False):
        name = None if pd.isna(text) else number_if_it_is_one(text)
        when = datetime.fromisoformat(date) + timedelta(microseconds=7)
        who = None if pd.isna(customer) else int(customer)
        sheet.append(
            [number_if_it_is_one(invoice), number_if_it_is_one(code), name, quantity, when, price, who, country]
        )
    book.save(path)
    return path


def number_if_it_is_one(text: str) -> str | int:
    return int(text) if text.isdigit() else text


def as_csv(lines: pd.DataFrame, path: Path) -> Path:
    lines.to_csv(path, index=False)
    return path


def as_excel_csv(lines: pd.DataFrame, path: Path) -> Path:
    """As the copies saved from Excel: cp1252, American dates, whole customer numbers, trimmed text."""
    dates = pd.to_datetime(lines["InvoiceDate"])
    american = [f"{date.month}/{date.day}/{date.year} {date.hour}:{date.minute:02d}" for date in dates]
    lines = lines.assign(InvoiceDate=american, CustomerID=lines["CustomerID"].astype("Int64"))
    lines.assign(Description=lines["Description"].str.strip()).to_csv(path, index=False, encoding="cp1252")
    return path


def as_parquet(lines: pd.DataFrame, path: Path) -> Path:
    lines.to_parquet(path)
    return path


FORMS = {"a.xlsx": as_excel, "b.csv": as_csv, "c.csv": as_excel_csv, "d.parquet": as_parquet}


def content_of(path: Path) -> retail.Content:
    return retail.content(retail.typed(retail.read(path), path))


@pytest.mark.parametrize("name", FORMS)
def test_the_content_is_the_same_in_every_form_and_order(lines: pd.DataFrame, tmp_path: Path, name: str) -> None:
    expected = content_of(as_parquet(lines.sample(frac=1, random_state=1), tmp_path / "shuffled.parquet"))
    assert content_of(FORMS[name](lines, tmp_path / name)) == expected


@pytest.mark.parametrize("name", FORMS)
def test_every_form_gives_the_same_tables(lines: pd.DataFrame, tmp_path: Path, name: str) -> None:
    plain = prepare("online-retail", as_parquet(lines, tmp_path / "plain.parquet"))
    tables = prepare("online-retail", FORMS[name](lines, tmp_path / name))
    pd.testing.assert_frame_equal(tables.interactions, plain.interactions)
    pd.testing.assert_frame_equal(tables.items, plain.items)


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("InvoiceNo", "1"),
        ("StockCode", "1"),
        ("Description", "BLUE LUNCH BOX"),
        ("Quantity", 7),
        ("InvoiceDate", "2011-03-01 08:01:00"),
        ("UnitPrice", 1.26),
        ("CustomerID", 1.0),
        ("Country", "France"),
    ],
)
def test_one_changed_value_is_noticed_and_its_column_named(lines: pd.DataFrame, column: str, value: object) -> None:
    expected = retail.content(retail.typed(lines, Path("lines")))
    lines.loc[0, column] = value
    with pytest.raises(DataError, match=rf"copy\.csv: the content differs from Online Retail's in {column}, rows"):
        retail.verify(retail.typed(lines, Path("lines")), "copy.csv", expected)


def test_values_swapped_between_rows_are_noticed(lines: pd.DataFrame) -> None:
    expected = retail.content(retail.typed(lines, Path("lines")))
    lines.loc[[0, 1], "Quantity"] = lines.loc[[1, 0], "Quantity"].to_numpy()
    with pytest.raises(DataError, match=r"differs from Online Retail's in rows \("):
        retail.verify(retail.typed(lines, Path("lines")), "copy.csv", expected)


@pytest.fixture
def tables(lines: pd.DataFrame, tmp_path: Path) -> Prepared:
    return prepare("online-retail", as_parquet(lines, tmp_path / "lines.parquet"))


@pytest.mark.parametrize(
    ("problem", "rows", "removed"),
    [
        ("cancelled invoice", 2, 2),
        ("quantity not above 0", 3, 1),
        ("price not above 0", 4, 3),
        ("stock code of no product", 4, 2),
        ("no description", 1, 0),
        ("no user", 5, 1),
        ("exact duplicate", 1, 1),
        ("same item again in one order", 1, 1),
    ],
)
def test_each_kind_of_dirt_is_counted(tables: Prepared, problem: str, rows: int, removed: int) -> None:
    found = tables.report.to_frame().set_index("problem").loc[problem]
    assert (found["rows"], found["removed"]) == (rows, removed)


def test_what_is_removed_and_what_is_kept_add_up(tables: Prepared, lines: pd.DataFrame) -> None:
    assert tables.report.rows == len(lines)
    assert tables.report.kept == len(tables.interactions) == len(lines) - tables.report.to_frame()["removed"].sum()


def test_a_stock_code_in_small_letters_is_the_same_product(tables: Prepared) -> None:
    assert tables.interactions[ITEM_ID].value_counts()["85123A"] == 2
    assert not tables.items[ITEM_ID].str.contains("a").any()


def test_an_item_bought_twice_in_one_order_is_one_event_with_both_values(tables: Prepared) -> None:
    cups = tables.interactions[tables.interactions[ITEM_ID] == "22006"]
    last = cups[cups[USER_ID] == "12349"].iloc[-1]
    assert last[EVENT_VALUE] == pytest.approx(6 * 2.1 + 2 * 2.1)
    assert last[TIMESTAMP] == pd.Timestamp("2011-05-02 10:00:00").timestamp()


def test_the_three_tables_say_what_the_lines_said(tables: Prepared) -> None:
    assert (tables.interactions[EVENT_TYPE] == "purchase").all()
    heart = tables.items.set_index(ITEM_ID).loc["85123A"]
    assert (heart[TITLE], heart[CATEGORY], heart[PRICE]) == ("HEART T-LIGHT HOLDER", "Candles & Lights", 2.95)
    assert tables.items.set_index(ITEM_ID).loc["22001", TITLE] == "RED LUNCH BOX"
    assert tables.users.set_index(USER_ID).loc["12350", COUNTRY] in ("United Kingdom", "Norway")


def test_a_category_is_read_from_the_words_and_other_when_none_is_known() -> None:
    titles = pd.Series(["JUMBO BAG RED RETROSPOT", "SET OF 3 CAKE TINS", "CHRISTMAS GINGHAM TREE", "XYZZY", None])
    assert categories(titles).tolist() == ["Bags", "Kitchen & Dining", "Christmas & Easter", OTHER, OTHER]


def test_a_file_of_another_kind_is_refused_by_its_missing_column(tmp_path: Path) -> None:
    (tmp_path / "other.csv").write_text("InvoiceNumber,b\n1,2\n")
    with pytest.raises(DataError, match=r"no column 'InvoiceNo'; did you mean \"InvoiceNumber\"\?.*not Online Retail"):
        prepare("online-retail", tmp_path / "other.csv")


def test_without_the_file_the_message_says_how_to_get_it(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no such file; get it with: recsys data fetch online-retail"):
        prepare("online-retail", tmp_path / "online-retail.parquet")


def test_a_large_excel_file_is_read_in_slices(
    lines: pd.DataFrame, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, told = as_excel(lines, tmp_path / "a.xlsx"), []
    whole = retail.read(path)
    monkeypatch.setattr(retail, "ROWS_AT_A_TIME", 500)
    pd.testing.assert_frame_equal(retail.read(path, told.append), whole)
    assert told == ["  500 rows read", "  1,000 rows read"]


def test_a_zip_without_a_table_and_an_excel_file_that_is_none_are_refused(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr("notes.txt", "x")
    with pytest.raises(DataError, match=r"a\.zip: holds no \.xlsx, \.csv or \.parquet, only notes\.txt"):
        retail.read(tmp_path / "a.zip")
    (tmp_path / "a.xlsx").write_text("<html>")
    with pytest.raises(DataError, match=r"a\.xlsx: not readable as an Excel file: File is not a zip file"):
        retail.read(tmp_path / "a.xlsx")


def test_a_date_that_is_none_is_shown(lines: pd.DataFrame) -> None:
    lines.loc[7, "InvoiceDate"] = "soon"
    with pytest.raises(DataError, match="lines: InvoiceDate 'soon' is not a date; fetch the file anew"):
        retail.typed(lines, Path("lines"))


@needs_the_real_file
def test_the_real_file_has_the_published_content_and_the_known_dirt() -> None:
    frame = retail.typed(retail.read(REAL), REAL)
    retail.verify(frame, REAL)
    tables = prepare("online-retail", REAL)
    found = tables.report.to_frame().set_index("problem")["rows"]
    known = {"no user": 135_080, "cancelled invoice": 9_288, "quantity not above 0": 10_624, "price not above 0": 2_517,
             "exact duplicate": 5_268, "no description": 1_454}  # fmt: skip
    assert found[list(known)].to_dict() == known
    assert tables.report.rows == 541_909 and tables.interactions[USER_ID].nunique() > 4_300
    assert (tables.items[CATEGORY] == OTHER).mean() < 0.08
