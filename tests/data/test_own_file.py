"""A person's own CSV or Parquet file: what is understood, and what is refused in one line that helps."""

from pathlib import Path

import pandas as pd
import pyarrow as pa
import pytest
from pyarrow import parquet

from recsys.columns import EVENT_TYPE, EVENT_VALUE, ITEM_ID, TIMESTAMP, USER_ID
from recsys.data import Prepared, files, prepare
from recsys.errors import DataError

MAPPING = {USER_ID: "customer", ITEM_ID: "sku", TIMESTAMP: "when"}
MOMENT = 1_709_210_096


@pytest.fixture
def shop() -> pd.DataFrame:
    """1,200 clicks of 60 customers on 40 products."""
    rows = range(1_200)
    return pd.DataFrame(
        {
            "customer": [f"c{row % 60:03d}" for row in rows],
            "sku": [f"{(row * 7 + row // 60) % 40:04d}" for row in rows],
            "when": [MOMENT + 60 * row for row in rows],
        }
    )


def prepared(path: Path, frame: pd.DataFrame, **options) -> Prepared:
    frame.to_csv(path, index=False, encoding=options.get("encoding", "utf-8"))
    return prepare("file", path, column_mapping=options.pop("column_mapping", MAPPING), **options)


def test_a_mapped_csv_becomes_the_three_tables(shop: pd.DataFrame, tmp_path: Path) -> None:
    tables = prepared(tmp_path / "shop.csv", shop)
    assert tables.interactions[USER_ID].tolist() == shop["customer"].tolist()
    assert tables.interactions[TIMESTAMP].tolist() == shop["when"].tolist()
    assert (tables.interactions[EVENT_TYPE] == "view").all()
    assert len(tables.items) == 40 and len(tables.users) == 60
    assert "when read as epoch seconds" in str(tables.report)


@pytest.mark.parametrize("separator", [";", "\t", "|"])
def test_other_separators_are_found_in_the_header(shop: pd.DataFrame, tmp_path: Path, separator: str) -> None:
    shop.to_csv(tmp_path / "shop.csv", index=False, sep=separator)
    assert len(prepare("file", tmp_path / "shop.csv", column_mapping=MAPPING).interactions) == 1_200


def test_parquet_and_csv_give_the_same_tables(shop: pd.DataFrame, tmp_path: Path) -> None:
    shop.to_parquet(tmp_path / "shop.parquet")
    from_parquet = prepare("file", tmp_path / "shop.parquet", column_mapping=MAPPING)
    from_csv = prepared(tmp_path / "shop.csv", shop)
    pd.testing.assert_frame_equal(from_parquet.interactions, from_csv.interactions)
    pd.testing.assert_frame_equal(from_parquet.items, from_csv.items)


@pytest.mark.parametrize("kind", [pa.list_(pa.string()), pa.large_list(pa.large_string())], ids=["list", "large"])
def test_a_list_of_texts_is_text_and_what_else_is_nested_is_left_out(tmp_path: Path, kind: pa.DataType) -> None:
    path = tmp_path / "items.parquet"
    rows = {"sku": ["a", "b", "c", "d"], "genres": pa.array([["Tea", None, "Pot"], ["Tea"], [], None], kind)}
    parquet.write_table(pa.table(rows | {"sizes": [[1, 2]] * 4, "maker": [{"name": "Ora"}] * 4}), path)
    read = files.read(path)
    assert list(read) == ["sku", "genres"]
    assert read["genres"].fillna("none").tolist() == ["Tea|Pot", "Tea", "none", "none"]


def test_the_columns_of_a_parquet_file_may_be_numbered(tmp_path: Path) -> None:
    pd.DataFrame([["u", "i"]]).to_parquet(tmp_path / "shop.parquet")
    assert files.read(tmp_path / "shop.parquet").to_dict("list") == {"0": ["u"], "1": ["i"]}


@pytest.mark.parametrize("index", [["when"], ["sku", "when"]])
def test_a_named_index_of_a_parquet_file_is_a_column(shop: pd.DataFrame, tmp_path: Path, index: list[str]) -> None:
    path = tmp_path / "shop.parquet"
    shop.set_index(index).to_parquet(path)
    pd.testing.assert_frame_equal(files.read(path)[list(shop)], shop)
    shop.set_index(index, drop=False).to_parquet(path)
    pd.testing.assert_frame_equal(files.read(path), shop)


@pytest.mark.parametrize("name", [None, "__null_dask_index__"])
def test_an_index_without_a_name_is_none(shop: pd.DataFrame, tmp_path: Path, name: str | None) -> None:
    shop.set_axis(shop.index[::-1].rename(name)).to_parquet(tmp_path / "shop.parquet")
    pd.testing.assert_frame_equal(files.read(tmp_path / "shop.parquet"), shop)


def test_an_id_keeps_its_zeros_and_the_country_na_its_name(shop: pd.DataFrame, tmp_path: Path) -> None:
    shop["country"] = "NA"
    tables = prepared(tmp_path / "shop.csv", shop, column_mapping=MAPPING | {"COUNTRY": "country"})
    assert tables.items[ITEM_ID].iloc[0] == "0000"
    assert (tables.users["COUNTRY"] == "NA").all()


def test_numbers_that_became_floats_are_whole_ids_again(shop: pd.DataFrame, tmp_path: Path) -> None:
    shop["customer"] = shop["customer"].str[1:].astype(float)
    shop.loc[5, "customer"] = None
    shop.to_parquet(tmp_path / "shop.parquet")
    for path in (tmp_path / "shop.parquet", tmp_path / "shop.csv"):
        shop.to_csv(tmp_path / "shop.csv", index=False)
        tables = prepare("file", path, column_mapping=MAPPING)
        assert tables.users[USER_ID].iloc[1] == "1"
        assert len(tables.interactions) == 1_199


@pytest.mark.parametrize("factor", [1_000, 1_000_000])
def test_milliseconds_and_microseconds_become_seconds(shop: pd.DataFrame, tmp_path: Path, factor: int) -> None:
    tables = prepared(tmp_path / "shop.csv", shop.assign(when=shop["when"] * factor))
    assert tables.interactions[TIMESTAMP].iloc[0] == MOMENT


def test_iso_text_becomes_seconds_and_the_report_says_how_it_was_read(shop: pd.DataFrame, tmp_path: Path) -> None:
    text = pd.to_datetime(shop["when"], unit="s").dt.strftime("%Y-%m-%dT%H:%M:%S")
    tables = prepared(tmp_path / "shop.csv", shop.assign(when=text))
    assert tables.interactions[TIMESTAMP].iloc[0] == MOMENT
    assert "when read as ISO 8601 text, taken as UTC" in tables.report.notes


def test_item_and_user_files_are_joined_and_their_gaps_counted(shop: pd.DataFrame, tmp_path: Path) -> None:
    shop.assign(USER_ID=shop["customer"]).to_csv(tmp_path / "shop.csv", index=False)
    items = pd.DataFrame(
        {"sku": ["0000", "0001", "0001", "9999"], "TITLE": ["A, b", None, "x", 'The "last"'], "PRICE": [1, 2, 3, 4]}
    )
    items.to_csv(tmp_path / "items.csv", index=False)
    tables = prepare(
        "file", tmp_path / "shop.csv", tmp_path / "items.csv", column_mapping={ITEM_ID: "sku", TIMESTAMP: "when"}
    )
    found = tables.report.to_frame().set_index("problem")["rows"]
    assert found["ITEM_ID more than once"] == 1
    assert found["not in the table of items, but in events"] == 38
    assert found["item without events"] == 1
    assert found["TITLE missing"] == 39
    assert tables.items.set_index(ITEM_ID).loc["0001", "TITLE"] == "0001"


def test_a_mapped_column_is_taken_from_the_file_that_has_it(shop: pd.DataFrame, tmp_path: Path) -> None:
    shop.to_csv(tmp_path / "shop.csv", index=False)
    items = pd.DataFrame({"sku": ["0000", "0001"], "product_name": ["Lamp", "Rug"], "cat": ["Light", "Floor"]})
    items.to_csv(tmp_path / "items.csv", index=False)
    mapping = MAPPING | {"TITLE": "product_name", "CATEGORY": "cat"}
    tables = prepare("file", tmp_path / "shop.csv", tmp_path / "items.csv", column_mapping=mapping)
    assert tables.items.set_index(ITEM_ID).loc["0001", ["TITLE", "CATEGORY"]].tolist() == ["Rug", "Floor"]
    nowhere = r"shop\.csv, .*items\.csv: no column 'catt' \(mapped to CATEGORY\); did you mean \"cat\"\?"
    with pytest.raises(DataError, match=nowhere):
        mapping["CATEGORY"] = "catt"
        prepare("file", tmp_path / "shop.csv", tmp_path / "items.csv", column_mapping=mapping)


@pytest.mark.parametrize("suffix", ["csv", "parquet"])
def test_blank_text_is_missing_in_every_kind_of_file(shop: pd.DataFrame, tmp_path: Path, suffix: str) -> None:
    shop = shop.assign(EVENT_TYPE=["", " ", *["click"] * 1_198], TITLE="", COUNTRY=" ")
    shop["EVENT_TYPE"] = shop["EVENT_TYPE"].astype("category")
    path = tmp_path / f"shop.{suffix}"
    shop.to_csv(path, index=False) if suffix == "csv" else shop.to_parquet(path)
    tables = prepare("file", path, column_mapping=MAPPING)
    assert tables.interactions[EVENT_TYPE].tolist() == ["view", "view", *["click"] * 1_198]
    assert 'EVENT_TYPE missing in 2 rows: filled with "view"' in tables.report.notes
    assert tables.items["TITLE"].equals(tables.items[ITEM_ID].rename("TITLE"))
    assert (tables.users["COUNTRY"] == "unknown").all()


def test_a_placeholder_for_a_time_is_removed_and_counted(shop: pd.DataFrame, tmp_path: Path) -> None:
    shop.loc[3, "when"] = 0
    report = prepared(tmp_path / "shop.csv", shop).report.to_frame().set_index("problem")
    assert report.loc["no readable time", "removed"] == 1


def test_items_without_any_creation_time_are_created_with_their_first_event(shop: pd.DataFrame, tmp_path: Path) -> None:
    shop.to_csv(tmp_path / "shop.csv", index=False)
    pd.DataFrame({"sku": ["0000"], "CREATION_TIMESTAMP": [None]}).to_csv(tmp_path / "items.csv", index=False)
    tables = prepare("file", tmp_path / "shop.csv", tmp_path / "items.csv", column_mapping=MAPPING)
    assert tables.items["CREATION_TIMESTAMP"].iloc[0] == MOMENT


def test_the_creation_times_of_items_are_read_like_those_of_events(shop: pd.DataFrame, tmp_path: Path) -> None:
    shop.to_csv(tmp_path / "shop.csv", index=False)
    made = {"sku": ["0000", "0001"], "since": ["2020-02-01T00:00:00", None]}
    pd.DataFrame(made).to_csv(tmp_path / "items.csv", index=False)
    mapping = MAPPING | {"CREATION_TIMESTAMP": "since"}
    items = prepare("file", tmp_path / "shop.csv", tmp_path / "items.csv", column_mapping=mapping).items
    first_event = shop.set_index("sku").loc["0001", "when"].min()
    assert items["CREATION_TIMESTAMP"].tolist()[:2] == [pd.Timestamp("2020-02-01").timestamp(), first_event]
    with pytest.raises(DataError, match=r"CREATION_TIMESTAMP is read from data\.items_file, and none is named"):
        prepare("file", tmp_path / "shop.csv", column_mapping=mapping)


def test_a_byte_order_mark_is_not_part_of_the_first_column(shop: pd.DataFrame, tmp_path: Path) -> None:
    shop.to_csv(tmp_path / "shop.csv", index=False, encoding="utf-8-sig")
    assert len(prepare("file", tmp_path / "shop.csv", column_mapping=MAPPING).interactions) == 1_200


def test_the_wrong_encoding_is_refused_with_the_place_and_the_way_out(shop: pd.DataFrame, tmp_path: Path) -> None:
    shop.loc[999, "sku"] = "café"
    path = tmp_path / "shop.csv"
    shop.to_csv(path, index=False, encoding="cp1252")
    place = path.read_bytes().index(b"\xe9")
    message = (
        rf"shop\.csv: not utf-8 text: byte 0xe9 at position {place:,} \(line 1,001\); .* set data.encoding to cp1252"
    )
    with pytest.raises(DataError, match=message):
        prepare("file", path, column_mapping=MAPPING)
    assert "café" in set(prepare("file", path, column_mapping=MAPPING, encoding="cp1252").items[ITEM_ID])


def test_the_wrong_byte_is_found_beyond_the_first_block_and_in_a_character_cut_in_two(tmp_path: Path) -> None:
    path = tmp_path / "shop.csv"
    path.write_bytes(b"customer,sku,when\n" + b"x" * (2**20 - 19) + "é".encode()[:1] + b"\n")
    with pytest.raises(DataError, match=r"byte 0xc3 at position 1,048,575 \(line 2\)"):
        prepare("file", path, column_mapping=MAPPING)


def test_an_encoding_that_is_none_is_refused(tmp_path: Path) -> None:
    (tmp_path / "shop.csv").write_text("customer,sku,when\n")
    with pytest.raises(DataError, match=r'"utf-9" is no text encoding; set data\.encoding to utf-8'):
        prepare("file", tmp_path / "shop.csv", column_mapping=MAPPING, encoding="utf-9")


def test_utf_16_is_named(shop: pd.DataFrame, tmp_path: Path) -> None:
    shop.to_csv(tmp_path / "shop.csv", index=False, encoding="utf-16")
    with pytest.raises(DataError, match=r"the file is utf-16, not utf-8; set data.encoding to utf-16"):
        prepare("file", tmp_path / "shop.csv", column_mapping=MAPPING)
    assert len(prepare("file", tmp_path / "shop.csv", column_mapping=MAPPING, encoding="utf-16").interactions) == 1_200


def test_a_missing_column_names_the_file_the_column_and_the_nearest_one(shop: pd.DataFrame, tmp_path: Path) -> None:
    with pytest.raises(
        DataError, match=r"shop\.csv: no column 'custommer' \(mapped to USER_ID\); did you mean \"customer\"\?"
    ):
        prepared(tmp_path / "shop.csv", shop, column_mapping=MAPPING | {USER_ID: "custommer"})
    with pytest.raises(
        DataError, match=r"no column 'USER_ID'; .*there are customer, sku, when; name yours in data\.column_mapping"
    ):
        prepared(tmp_path / "shop.csv", shop, column_mapping={})


def test_a_column_of_ours_that_does_not_exist_is_refused(shop: pd.DataFrame, tmp_path: Path) -> None:
    with pytest.raises(
        DataError, match=r"data\.column_mapping: 'USERID' is no column of ours; did you mean \"USER_ID\"\?"
    ):
        prepared(tmp_path / "shop.csv", shop, column_mapping={"USERID": "customer"})


def test_too_few_interactions_are_refused_before_anything_is_created(shop: pd.DataFrame, tmp_path: Path) -> None:
    dirty = pd.concat([shop.head(900), shop.head(150)])
    with pytest.raises(DataError, match=r"900 interactions, .* at least 1,000; removed were: exact duplicate 150"):
        prepared(tmp_path / "shop.csv", dirty)


def test_too_few_returning_users_are_refused(shop: pd.DataFrame, tmp_path: Path) -> None:
    visits = shop.assign(customer=[f"visit{min(row, 1_170)}" for row in range(1_200)])
    with pytest.raises(DataError, match=r"1 users have at least 2 interactions; Personalize needs at least 25"):
        prepared(tmp_path / "shop.csv", visits)


def test_a_share_of_returning_users_below_one_percent_is_refused(shop: pd.DataFrame, tmp_path: Path) -> None:
    visits = pd.concat([shop] * 4, ignore_index=True)
    visits["customer"] = [f"v{row if row >= 60 else row // 2}" for row in range(len(visits))]
    visits["when"] += pd.Series(range(len(visits)))
    with pytest.raises(DataError, match=r"30 of 4,770 users have at least 2 interactions; Personalize needs 1%"):
        prepared(tmp_path / "shop.csv", visits)


def test_a_missing_file_names_the_likeliest_one(shop: pd.DataFrame, tmp_path: Path) -> None:
    shop.to_csv(tmp_path / "shop.csv", index=False)
    with pytest.raises(DataError, match=r"shopp\.csv: no such file; did you mean .*shop\.csv\?"):
        prepare("file", tmp_path / "shopp.csv", column_mapping=MAPPING)


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("shop.csv", b"", "the file is empty"),
        ("shop.csv", b"\n\n", "the file is empty"),
        ("shop.csv", b"customer,sku,when\n", "a header but no rows"),
        ("shop.csv", b"customer,sku,when\na,b,1\na,b,1,5\n", r"not readable as CSV: .* line 3, saw 4"),
        ("shop.csv", b"customer,sku,when\na,b,1,5\n", "more fields than its header"),
        ("shop.csv", b"customer,sku,when,sku\na,b,1,5\n", "column 'sku' is there 2 times"),
        ("shop.parquet", b"PAR1 not really", "not readable as Parquet"),
        ("shop.xls", b"whatever", r"\.xls is not a kind of file read here"),
    ],
)
def test_a_file_that_is_no_table_is_refused(tmp_path: Path, name: str, content: bytes, message: str) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(DataError, match=message):
        prepare("file", tmp_path / name, column_mapping=MAPPING)


def test_text_in_a_column_of_numbers_is_shown(shop: pd.DataFrame, tmp_path: Path) -> None:
    shop["paid"] = "1,500"  # which may be a thousand and a half, or one
    with pytest.raises(
        DataError, match=r"shop\.csv: paid: '1,500' is not a number \(1,200 such\); write it like 12\.50"
    ):
        prepared(tmp_path / "shop.csv", shop, column_mapping=MAPPING | {EVENT_VALUE: "paid"})


@pytest.mark.parametrize(
    ("values", "dtype", "shown"),
    [
        ([None, pd.Timestamp("2020-01-01")], None, "'2020-01-01'"),
        ([None, pd.Timedelta("1s")], None, "'0 days 00:00:01'"),
        ([False, True], None, "'False'"),
        ([None, True], object, "'True'"),
        ([None, True], "boolean", "'True'"),
    ],
)
def test_dates_durations_and_yes_or_no_are_no_numbers(values: list, dtype: object, shown: str) -> None:
    with pytest.raises(DataError, match=f"x: {shown} is not a number"):
        files.numbers(pd.Series(values, dtype=dtype), "x")
    nothing = pd.Series(values, dtype=dtype).head(1).where([False])
    assert files.numbers(nothing, "x").isna().all()


@pytest.mark.parametrize(
    ("written", "read"),
    [
        (["19,99", "1.234,50", "7", "1,500"], [19.99, 1234.5, 7.0, 1.5]),
        (["19,99", "12.50"], None),
        (["1,234.50", "19.99"], None),
        (["1,500", "2,250"], None),
    ],
)
def test_decimal_commas_are_read_where_the_whole_column_is_so_written(written: list[str], read: list | None) -> None:
    if read:
        assert files.numbers(pd.Series(written), "x").tolist() == read
    else:
        with pytest.raises(DataError, match="is not a number"):
            files.numbers(pd.Series(written), "x")


def test_what_an_item_costs_is_read_from_the_table_of_items_and_its_decimal_commas_are_noted(
    shop: pd.DataFrame, tmp_path: Path
) -> None:
    shop.assign(Preis="free").to_csv(tmp_path / "shop.csv", index=False)
    pd.DataFrame({"sku": ["0000"], "Preis": ["19,99"]}).to_csv(tmp_path / "items.csv", index=False)
    mapping = MAPPING | {"PRICE": "Preis"}
    tables = prepare("file", tmp_path / "shop.csv", tmp_path / "items.csv", column_mapping=mapping)
    assert tables.items.set_index(ITEM_ID)["PRICE"].dropna().to_dict() == {"0000": 19.99}
    assert "Preis read with decimal commas" in tables.report.notes
    unread = "Preis of the interactions is no number: prices are of data.items_file alone"
    assert unread in tables.report.notes
    pd.DataFrame({"sku": ["0000"], "TITLE": ["Lamp"]}).to_csv(tmp_path / "items.csv", index=False)
    with pytest.raises(DataError, match="'free' is not a number"):
        prepare("file", tmp_path / "shop.csv", tmp_path / "items.csv", column_mapping=mapping)


def test_what_the_tables_of_items_and_users_do_not_say_is_read_from_the_events(
    shop: pd.DataFrame, tmp_path: Path
) -> None:
    shop.assign(CATEGORY="tea", PRICE=9.5, COUNTRY="PT").to_csv(tmp_path / "shop.csv", index=False)
    items, users = tmp_path / "items.csv", tmp_path / "users.csv"
    pd.DataFrame({"sku": ["0000", "0001"], "CATEGORY": "pot", "PRICE": [20, None]}).to_csv(items, index=False)
    pd.DataFrame({"customer": ["c000"], "COUNTRY": ["ES"]}).to_csv(users, index=False)
    tables = prepare("file", tmp_path / "shop.csv", items, users, column_mapping=MAPPING)
    assert tables.items["CATEGORY"].tolist() == ["pot"] * 2 + ["tea"] * 38
    assert tables.items["PRICE"].tolist() == [20.0] + [9.5] * 39
    assert tables.users["COUNTRY"].tolist() == ["ES"] + ["PT"] * 59


def test_one_column_is_not_the_user_and_the_item(shop: pd.DataFrame, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="'sku' is mapped to USER_ID and to ITEM_ID"):
        prepared(tmp_path / "shop.csv", shop, column_mapping=MAPPING | {USER_ID: "sku"})


def test_a_single_item_is_refused(shop: pd.DataFrame, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="every interaction is with 'x'"):
        prepared(tmp_path / "shop.csv", shop.assign(sku="x"))


def test_a_few_users_with_many_of_the_events_are_noted(shop: pd.DataFrame, tmp_path: Path) -> None:
    assert "max_events_per_user" not in str(prepared(tmp_path / "shop.csv", shop).report)
    shop.loc[:599, "customer"] = "bot"
    report = str(prepared(tmp_path / "shop.csv", shop).report)
    assert "the most active of 61 users made 50% of the events, 600 in all, where the median user has 10: is" in report
    assert "is this a person? data.max_events_per_user" in report
    others = [f"guest{row}" for row in range(60)]
    shop = pd.concat([shop, shop.head(60).assign(customer=others)], ignore_index=True)
    shop.loc[:599, "customer"] = ["bot", "crawler"] * 300
    report = str(prepared(tmp_path / "shop.csv", shop).report)
    assert "the 2 most active of 122 users made 48% of the events, up to 300 each" in report
    assert "are they people?" in report


def test_a_column_that_no_table_has_is_a_note_and_no_problem(shop: pd.DataFrame, tmp_path: Path) -> None:
    report = prepared(tmp_path / "shop.csv", shop).report
    assert report.to_frame().empty
    assert "no column CATEGORY, PRICE, TITLE, COUNTRY: data.items_file and data.users_file can add them" in report.notes


def test_more_event_types_than_personalize_takes_are_refused(shop: pd.DataFrame, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"40 event types, .* Personalize takes 10"):
        prepared(tmp_path / "shop.csv", shop, column_mapping=MAPPING | {EVENT_TYPE: "sku"})


def test_event_types_are_counted_and_where_none_means_bought_the_report_says_so(
    shop: pd.DataFrame, tmp_path: Path
) -> None:
    shop["kind"] = ["Order", *["click"] * 1_199]
    mapping = MAPPING | {EVENT_TYPE: "kind"}
    report = str(prepared(tmp_path / "shop.csv", shop, column_mapping=mapping).report)
    assert "event types: click 1,199, order 1\n" in report
    assert "no event is a purchase: excludePurchased leaves nothing out" in report
    named = prepared(tmp_path / "shop.csv", shop, column_mapping=mapping, purchase_events=["order"])
    assert "excludePurchased" not in str(named.report)


def test_an_unknown_source_and_a_file_not_named_are_refused() -> None:
    with pytest.raises(DataError, match='"amazon" is no source of data; choose one of sample, online-retail, file'):
        prepare("amazon")
    with pytest.raises(DataError, match=r"data\.data_file is not set"):
        prepare("file")


@pytest.mark.parametrize(
    ("name", "value"),
    [("data_file", "shop.csv"), ("items_file", "items.csv"), ("users_file", "u.csv"), ("column_mapping", MAPPING)],
)
def test_who_names_files_and_not_their_source_is_told_to(name: str, value: object) -> None:
    with pytest.raises(DataError, match=f"data.{name} is set, but data.source is sample: set data.source to file"):
        prepare(**{name: value})


def test_users_with_too_many_events_can_be_left_out(shop: pd.DataFrame, tmp_path: Path) -> None:
    shop.loc[:149, "customer"] = "bot"
    tables = prepared(tmp_path / "shop.csv", shop, max_events_per_user=100)
    assert "bot" not in set(tables.users[USER_ID])
    assert len(tables.interactions) == 1_050


def test_a_future_time_is_removed_and_counted(shop: pd.DataFrame, tmp_path: Path) -> None:
    shop.loc[3, "when"] = 9_000_000_000
    report = prepared(tmp_path / "shop.csv", shop).report.to_frame().set_index("problem")
    assert report.loc["time in the future", "removed"] == 1


def test_a_folder_of_files_is_read_as_one_with_what_its_paths_say(shop: pd.DataFrame, tmp_path: Path) -> None:
    folder = tmp_path / "clicks"
    for day, rows in (("2024-02-29", shop[:700]), ("2024-03-01", shop[700:])):
        (folder / f"day={day}").mkdir(parents=True)
        rows.to_parquet(folder / f"day={day}" / "part-0000")  # as Athena names them
    (folder / "_SUCCESS").touch()
    (folder / ".part-0000.crc").write_text("x")
    assert prepare("file", folder, column_mapping=MAPPING).interactions[USER_ID].tolist() == shop["customer"].tolist()
    assert files.read(folder)["day"].value_counts().to_dict() == {"2024-02-29": 700, "2024-03-01": 500}


def test_what_the_path_of_a_file_says_is_unescaped_and_may_be_that_there_is_nothing(tmp_path: Path) -> None:
    for kind in ("add%20to%20cart", "__HIVE_DEFAULT_PARTITION__"):
        (tmp_path / f"the%20kind={kind}").mkdir()
        (tmp_path / f"the%20kind={kind}" / "1.csv").write_text("customer\na\n")
    assert files.read(tmp_path)["the kind"].fillna("none").tolist() == ["none", "add to cart"]


@pytest.mark.parametrize(("days", "agree"), [([7, 7], True), (["7", "7"], True), ([7, 8], False), ([7, None], False)])
def test_a_column_is_not_overwritten_by_what_the_path_says_otherwise(tmp_path: Path, days: list, agree: bool) -> None:
    (tmp_path / "day=7").mkdir()
    pd.DataFrame({"day": days}).to_parquet(tmp_path / "day=7" / "1.parquet")
    if agree:
        assert files.read(tmp_path)["day"].tolist() == ["7", "7"]
    else:
        with pytest.raises(DataError, match=r"1\.parquet: its column day is not what its folder says, 7; rename one"):
            files.read(tmp_path)


def test_a_folder_whose_files_do_not_fit_together_is_refused(shop: pd.DataFrame, tmp_path: Path) -> None:
    (tmp_path / "clicks").mkdir()
    with pytest.raises(DataError, match="clicks: a folder without files"):
        files.read(tmp_path / "clicks")
    shop.to_csv(tmp_path / "clicks" / "1.csv", index=False)
    shop.rename(columns={"sku": "item"}).to_csv(tmp_path / "clicks" / "2.csv", index=False)
    with pytest.raises(
        DataError, match=r"1\.csv and .*2\.csv: only one has item, sku; give all files the same columns"
    ):
        files.read(tmp_path / "clicks")


def test_a_compressed_csv_is_read_and_its_encoding_checked(shop: pd.DataFrame, tmp_path: Path) -> None:
    path = tmp_path / "shop.csv.gz"
    shop.to_csv(path, index=False, sep=";")
    assert len(prepare("file", path, column_mapping=MAPPING).interactions) == 1_200
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(DataError, match="not readable as gzip"):
        prepare("file", path, column_mapping=MAPPING)
    shop.assign(sku="café").to_csv(path, index=False, encoding="cp1252")
    with pytest.raises(DataError, match=r"not utf-8 text: byte 0xe9 at position .* \(line 2\)"):
        prepare("file", path, column_mapping=MAPPING)


def test_who_names_a_file_in_s3_is_told_to_copy_it() -> None:
    with pytest.raises(DataError, match=r"copy it first: aws s3 cp s3://shop/clicks/a\.csv data/raw/"):
        prepare("file", "s3://shop/clicks/a.csv")


def test_further_metadata_goes_with_the_items_and_users_that_it_is_of(shop: pd.DataFrame, tmp_path: Path) -> None:
    items, users = tmp_path / "items.csv", tmp_path / "users.csv"
    pd.DataFrame({"sku": ["0000", "0001"], "Marke": ["Ora|Sol", None], "YEAR": ["1,5", "2"]}).to_csv(items, index=False)
    pd.DataFrame({"customer": ["c000"], "AGE": [33]}).to_csv(users, index=False)
    shop.to_csv(tmp_path / "shop.csv", index=False)
    kinds = {"item_metadata": {"BRAND": "categorical", "YEAR": "numeric"}, "user_metadata": {"AGE": "numeric"}}
    tables = prepare("file", tmp_path / "shop.csv", items, users, column_mapping=MAPPING | {"BRAND": "Marke"}, **kinds)
    assert tables.items.set_index(ITEM_ID)["BRAND"].dropna().to_dict() == {"0000": "Ora|Sol"}
    assert tables.items["YEAR"].tolist()[:2] == [1.5, 2.0] and tables.items["YEAR"].isna().sum() == 38
    assert tables.users.set_index(USER_ID)["AGE"].dropna().to_dict() == {"c000": 33.0}
    written = {path.stem: pd.read_csv(path) for path in tables.write(tmp_path / "tables")}
    assert list(written["items"])[-2:] == ["BRAND", "YEAR"] and list(written["users"])[-1] == "AGE"
    with pytest.raises(DataError, match="no column 'MARKE'"):
        prepare("file", tmp_path / "shop.csv", items, column_mapping=MAPPING, item_metadata={"MARKE": "categorical"})
    with pytest.raises(DataError, match="PRICE is a column of ours"):
        prepare("file", tmp_path / "shop.csv", items, column_mapping=MAPPING, item_metadata={"PRICE": "numeric"})
    with pytest.raises(DataError, match=r"data\.user_metadata is read from data\.users_file, and none is named"):
        prepare("file", tmp_path / "shop.csv", column_mapping=MAPPING, user_metadata={"AGE": "numeric"})
