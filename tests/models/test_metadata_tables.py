"""How the columns of a table of items are read when nobody says so."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from recsys.errors import ModelError
from recsys.local.personalize.events.log import EventLog
from recsys.local.personalize.jobs.training.data import Data
from recsys.local.personalize.jobs.training.metadata import content
from recsys.models import ItemContent
from recsys.models.content.tables import kinds_of
from recsys.train.schemas import schema

TITLES = ["Brindlow Travel Mug, Indigo", "Oak desk for two", "A hammer | for nails", None]


@pytest.mark.parametrize(
    ("column", "kind"),
    [
        (["tea|hot", "tea", "tools|gift", None], "categorical"),
        (["red", "blue", "green", "white"], "categorical"),
        (["Home Decor", "Home Decor", "Garden Tools", "Garden Tools"], "categorical"),
        (["Home Decor|New in", "Home Decor|Gifts", "Garden Tools|New in", "Garden Tools|Gifts"], "categorical"),
        (TITLES, "text"),
        ([1, 2, 3, None], "number"),
        ([1.5, 2, 3, None], "number"),
        (pd.array([1, 2, 3, None], "Int64"), "number"),
        ([True, False, None, True], "categorical"),
        (pd.Categorical(["a b", "c d", "e f", "g h"]), "categorical"),
        (pd.to_datetime(["2026-01-01"] * 4), None),
        ([[0.1, 0.2], [0.3], [0.4], None], None),
    ],
)
def test_a_column_is_read_as_what_it_holds(column, kind):
    items = pd.DataFrame({"ITEM_ID": list("abcd"), "CREATION_TIMESTAMP": range(4), "X": column})
    assert kinds_of(items) == ({"X": kind} if kind else {})


def test_the_sample_is_read_as_the_embedded_personalize_reads_it(tmp_path):
    items = pd.read_csv(Path(__file__).parents[2] / "data" / "sample" / "items.csv")
    files, schemas = {"ITEMS": str(tmp_path / "items.parquet")}, {"ITEMS": schema("Items", list(items.columns))}
    items.to_parquet(files["ITEMS"])
    EventLog(tmp_path / "events.sqlite").close()
    stored = {"files": files, "schemas": schemas, "datasets": {}, "events": str(tmp_path / "events.sqlite")}
    data = Data(stored | {"recipe": "aws-user-personalization-v2", "config": {}, "eventType": None})
    assert ItemContent.from_items(items).metadata.as_dict() == content(data, "ITEMS").metadata.as_dict()


def test_a_table_is_read_as_its_columns_are():
    items = pd.DataFrame({"ITEM_ID": [7.0, 8.0, 9.0], "AISLE": ["tea", "tea", "tools"], "PRICE": [1, 2, np.nan]})
    content = ItemContent.from_items(items)
    same = ItemContent.fit(["7", "8", "9"], {name: items[name] for name in items}, kinds_of(items))
    assert content.item_ids.tolist() == ["7", "8", "9"]
    np.testing.assert_array_equal(content.rows.toarray(), same.rows.toarray())


@pytest.mark.parametrize("lists", [[["tea", "hot"], ["tea"]], [("tea",), None], [np.array(["tea"]), np.array(["hot"])]])
def test_lists_of_texts_are_refused_with_what_joins_them(lists):
    items = pd.DataFrame({"ITEM_ID": ["a", "b"], "TAGS": lists})
    with pytest.raises(ModelError, match="TAGS holds lists of texts") as told:
        ItemContent.from_items(items)
    items["TAGS"] = eval(str(told.value).partition("join them with ")[2].partition(", or")[0], {"items": items})
    assert kinds_of(items) == {"TAGS": "categorical"}


@pytest.mark.parametrize(
    ("items", "told"),
    [
        ([{"ITEM_ID": "a"}], "a list is no table of metadata: give a pandas DataFrame with ITEM_ID and more"),
        (pd.DataFrame({"sku": ["a"], "AISLE": ["tea"]}), r"lacks the column ITEM_ID; found \['sku', 'AISLE'\]"),
        (pd.DataFrame({"ITEM_ID": ["a", None], "AISLE": ["tea"] * 2}), "1 of 2 rows of metadata have no ITEM_ID"),
        (pd.DataFrame({"ITEM_ID": ["a", "a"], "AISLE": ["tea"] * 2}), "ITEM_ID 'a' has several rows of metadata"),
        (pd.DataFrame({"ITEM_ID": ["a"], 7: ["tea"]}), r"columns of metadata are called \[7\]"),
        (pd.DataFrame([["a", 1, 2]], columns=["ITEM_ID", "X", "X"]), r"columns of metadata are called \['X'\]"),
        (pd.DataFrame({"ITEM_ID": ["a"]}), r"none of the columns \['ITEM_ID'\] says what items are like"),
    ],
)
def test_what_is_no_table_of_items_is_refused(items, told):
    with pytest.raises(ModelError, match=told):
        ItemContent.from_items(items)
