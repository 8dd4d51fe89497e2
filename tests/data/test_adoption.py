"""A person's files: which of their columns are ours, by name and by value, and what is left open."""

from pathlib import Path

import pandas as pd
import pytest

from recsys.columns import (
    CATEGORY,
    COUNTRY,
    CREATION_TIMESTAMP,
    EVENT_TYPE,
    EVENT_VALUE,
    ITEM_ID,
    PRICE,
    TIMESTAMP,
    TITLE,
    USER_ID,
)
from recsys.data.adoption import Adopted, adopt
from recsys.data.sources import load
from recsys.errors import DataError

EVENTS = {
    "customerId": ["c1", "c2", "c3"],
    "sku": ["lamp", "mug", "pot"],
    "clickedAt": ["2024-05-01 10:00:00", "2024-05-02 10:00:00", "2024-05-03 10:00:00"],
    "action": ["view", "Order placed", "view"],
}
ITEMS = {"id": ["lamp"], "department": ["Home"], "unit price": ["9,50"], "name": ["Lamp"], "added_at": [1_700_000_000]}


@pytest.fixture
def adopted(tmp_path: Path):
    """Adopt files with these columns, written as CSV."""

    def made(events: dict, items: dict | None = None, users: dict | None = None, **options) -> Adopted:
        paths = {}
        for name, columns in {"data_file": events, "items_file": items, "users_file": users}.items():
            if columns:
                paths[name] = tmp_path / f"{name}.csv"
                pd.DataFrame(columns).to_csv(paths[name], index=False)
        return adopt(**paths, **options)

    return made


def test_columns_are_known_by_their_names_and_what_was_bought_by_its_type(adopted) -> None:
    found = adopted(EVENTS)
    known = {USER_ID: "customerId", ITEM_ID: "sku", TIMESTAMP: "clickedAt", EVENT_TYPE: "action"}
    assert found.column_mapping() == known
    assert found.purchase_events == ["order placed"]


@pytest.mark.parametrize(
    "names",
    [
        ("USER_ID", "ITEM_ID", "TIMESTAMP"),
        ("user_id:token", "item_id:token", "timestamp:float"),
        ("visitorid", "itemid", "timestamp"),
        ("CustomerID", "StockCode", "InvoiceDate"),
        ("reviewerID", "asin", "unixReviewTime"),
        ("Customer No.", "article", "order date"),
        ("userId", "movieId", "ts"),
    ],
)
def test_names_of_well_known_data_sets_are_known(adopted, names: tuple[str, str, str]) -> None:
    events = dict(zip(names, ([1, 2, 3], [4, 5, 6], [1_700_000_000, 1_700_000_060, 1_700_000_120]), strict=True))
    assert tuple(adopted(events).tables["data_file"].names.values()) == names


def test_an_id_that_the_files_call_differently_has_two_names_and_is_read_by_them(adopted, tmp_path: Path) -> None:
    found = adopted(EVENTS, ITEMS, {"id": ["c1"], "country": ["PT"]})
    mapping = found.column_mapping()
    assert mapping[ITEM_ID] == ["sku", "id"] and mapping[USER_ID] == ["customerId", "id"]
    of_items = {CATEGORY: "department", PRICE: "unit price", TITLE: "name", CREATION_TIMESTAMP: "added_at"}
    assert mapping.items() >= {**of_items, COUNTRY: "country"}.items()
    paths = [tmp_path / f"{name}.csv" for name in ("data_file", "items_file", "users_file")]
    loaded = load("file", *paths, mapping)
    assert loaded.events[ITEM_ID].tolist() == ["lamp", "mug", "pot"]
    assert loaded.items.iloc[0][[ITEM_ID, PRICE, TITLE]].tolist() == ["lamp", 9.5, "Lamp"]
    assert loaded.users.iloc[0][[USER_ID, COUNTRY]].tolist() == ["c1", "PT"]


def test_a_name_is_not_enough_where_the_values_are_something_else(adopted) -> None:
    types = {"type": [f"kind {row}" for row in range(11)], "rating": ["good"] * 11, "price": [1.5] * 11}
    found = adopted({name: [*values, *values, *values, *values][:11] for name, values in EVENTS.items()} | types)
    assert found.tables["data_file"].names[EVENT_TYPE] == "action"
    without = {name: values for name, values in EVENTS.items() if name != "action"}
    found = adopted({name: [*values, *values, *values, *values][:11] for name, values in without.items()} | types)
    unused = found.tables["data_file"].unused
    assert unused["type"] == "no EVENT_TYPE: 11 different values where Personalize takes 10 types"
    assert unused["rating"] == "no EVENT_VALUE: 'good' is not a number (11 such)"
    assert found.column_mapping()[PRICE] == "price"


def test_what_a_customer_is_called_is_no_title(adopted) -> None:
    found = adopted({**EVENTS, "customer_name": ["Ann", "Bo", "Cy"], "name": ["Ann", "Bo", "Cy"]})
    assert TITLE not in found.column_mapping()
    assert set(found.tables["data_file"].unused) == {"customer_name", "name"}


def test_the_only_column_of_times_is_the_time_whatever_it_is_called(adopted) -> None:
    events = {"user": [1, 2], "item": [3, 4], "wann": ["2024-05-01", "2024-05-02"], "menge": [2, 1]}
    column = adopted(events).tables["data_file"].columns[2]
    assert (column.ours, column.theirs, column.why) == (TIMESTAMP, "wann", "the only one that holds times")
    with pytest.raises(DataError, match=r"no column is known as TIMESTAMP; there are .*--map TIMESTAMP=YOURS"):
        adopted({**events, "bis": ["2025-05-01", "2025-05-02"]})


def test_a_column_that_cannot_be_found_is_asked_for_with_what_is_there(adopted) -> None:
    events = {"wer": ["a"], "sku": ["b"], "time": ["2024-05-01"]}
    with pytest.raises(
        DataError,
        match=r"data_file\.csv: no column is known as USER_ID; there are wer \(a\), sku \(b\), time .*--map USER",
    ):
        adopted(events)
    assert adopted(events, given={USER_ID: ["wer"]}).column_mapping()[USER_ID] == "wer"


def test_a_column_that_is_given_goes_before_all_names_and_has_to_be_there(adopted) -> None:
    events = {**EVENTS, "rating": [1, 2, 3], "paid": [4, 5, 6]}
    assert adopted(events).column_mapping()[EVENT_VALUE] == "rating"
    assert adopted(events, given={EVENT_VALUE: ["paid"]}).column_mapping()[EVENT_VALUE] == "paid"
    with pytest.raises(DataError, match="no column 'payed' \\(mapped to EVENT_VALUE\\); did you mean \"paid\"\\?"):
        adopted(events, given={EVENT_VALUE: ["payed"]})


def test_a_time_that_could_be_read_two_ways_is_no_time_and_the_reason_is_told(adopted) -> None:
    early = [f"{day:02d}/01/2024" for day in range(1, 13) for _ in range(1_000)]
    events = {"user": range(12_000), "item": range(12_000), "date": early}
    with pytest.raises(DataError, match=r"date is no TIMESTAMP: .* day and month could be either way round; there are"):
        adopted(events)
    later = [f"{day:02d}/01/2024" for day in range(13, 32) for _ in range(100)]
    events = {"user": range(13_900), "item": range(13_900), "date": early + later}
    assert adopted(events).column_mapping()[TIMESTAMP] == "date"


def test_what_else_a_table_says_is_metadata_of_the_kind_its_values_are(adopted) -> None:
    items = {
        "id": ["lamp", *range(99)], "brandName": ["Ora", "Sol"] * 50, "weight (kg)": [row / 7 for row in range(100)],
        "supplier_id": [1, 2] * 50, "house no": [3, 4] * 50, "in_stock": [0, 1] * 50, "country": ["PT", "ES"] * 50,
        "note": [f"note {row}" for row in range(100)], "same": ["x"] * 100, "brand-name": ["a", "b"] * 50,
        "色": ["a", "b"] * 50,
    }  # fmt: skip
    found = adopted(EVENTS, items)
    kinds = {"BRAND_NAME": "categorical", "WEIGHT_KG": "numeric", "SUPPLIER_ID": "categorical"}
    kinds |= {"HOUSE_NO": "categorical", "IN_STOCK": "categorical", "ITEM_COUNTRY": "categorical"}
    assert found.metadata("items_file") == kinds
    assert found.metadata("users_file") == {}
    assert found.column_mapping().items() >= {"BRAND_NAME": "brandName", "WEIGHT_KG": "weight (kg)"}.items()
    unused = found.tables["items_file"].unused
    assert unused["note"] == "100 different values, too many to learn from"
    assert unused["same"] == "says nothing, or of all the same"
    assert unused["brand-name"] == "there is a BRAND_NAME already: rename it to have it learned from"
    assert unused["色"] == "begins with no Latin letter: rename it to have it learned from"


def test_the_key_of_a_table_is_what_holds_the_ids_of_the_events_whatever_it_is_called(adopted) -> None:
    events = {"user": [1, 2, 3], "product_id": [7, 8, 9], "time": ["2024-05-01", "2024-05-02", "2024-05-03"]}
    shop = {
        "id": [7, 8, 10],
        "sku": ["a7", "b8", "c10"],
        "name": ["Lamp", "Mug", "Pot"],
        "description": ["x", "y", "z"],
    }
    found = adopted(events, shop)
    assert found.column_mapping()[ITEM_ID] == ["product_id", "id"]
    assert found.column_mapping()[TITLE] == "name"
    assert adopted(events, {"sku": [7, 8], "product_id": [7, 8]}).column_mapping()[ITEM_ID] == "product_id"
    with pytest.raises(
        DataError, match=r"no column holds ids of the interactions' product_id, such as 7, 8, 9: is this"
    ):
        adopted(events, {"sku": ["a", "b"]})
    assert adopted(events, {"sku": ["a", "b"]}, given={ITEM_ID: ["product_id", "sku"]}).column_mapping()[ITEM_ID] == [
        "product_id",
        "sku",
    ]


def test_each_file_is_read_by_the_name_that_is_shown_for_it(adopted, tmp_path: Path) -> None:
    items = {"sku": ["x1", "x2"], "code": ["lamp", "mug"], "department": ["Home", "Kitchen"]}
    found = adopted(EVENTS, items)
    mapping = found.column_mapping()
    assert mapping[ITEM_ID] == ["code", "sku"]
    paths = tmp_path / "data_file.csv", tmp_path / "items_file.csv"
    loaded = load("file", *paths, column_mapping=mapping, item_metadata=found.metadata("items_file"))
    assert loaded.items[ITEM_ID].tolist() == ["lamp", "mug"] and loaded.events[ITEM_ID].tolist()[0] == "lamp"
    with pytest.raises(DataError, match="ITEM_ID is called sku and code, and files have both: rename one of these"):
        adopted({**EVENTS, "code": [1, 2, 3]}, items).column_mapping()


@pytest.mark.parametrize(
    ("kinds", "bought"),
    [
        (["view_item", "add_to_cart", "begin_checkout", "add_payment_info", "purchase", "refund"], ["purchase"]),
        (["view", "cart", "transactions"], ["transactions"]),
        (["view_order_history", "payment_failed", "buyer_login"], []),
        (["Order", "order cancelled"], ["order"]),
    ],
)
def test_only_what_is_bought_counts_as_bought(adopted, kinds: list[str], bought: list[str]) -> None:
    rows = range(len(kinds))
    events = {"user": rows, "item": rows, "time": [1_700_000_000 + row for row in rows], "event": kinds}
    assert adopted(events).purchase_events == bought


def test_a_name_of_ours_that_there_is_not_is_refused(adopted) -> None:
    with pytest.raises(DataError, match="'USERID' is no column of ours; did you mean \"USER_ID\"\\?"):
        adopted(EVENTS, given={"USERID": ["customerId"]})
    with pytest.raises(
        DataError, match="--map CREATION_TIMESTAMP: it is read from a table of items or users, and none"
    ):
        adopted(EVENTS, given={CREATION_TIMESTAMP: ["clickedAt"]})
