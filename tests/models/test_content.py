"""What metadata says about items."""

import os
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest

from recsys.errors import ModelError
from recsys.models import ItemContent, load
from recsys.models.storage import Stored, write_model

IDS = ["mug", "cup", "hammer", "saw", "mystery"]
COLUMNS = {
    "AISLE": ["kitchen|china", "kitchen|china|gift", "tools", "tools|gift", None],
    "PRICE": [4.0, 5.0, 20.0, 30.0, None],
    "TEXT": ["a mug for tea", "a cup for tea", "it drives nails", "it cuts wood", ""],
}
KINDS = {"AISLE": "categorical", "PRICE": "number", "TEXT": "text"}
SAVING = """
import sys
from recsys.models import ItemContent
columns = {"AISLE": ["a|b|c|d", "b|c|a|d|e", "d|e"]}
ItemContent.fit(["1", "2", "3"], columns, {"AISLE": "categorical"}).save(sys.argv[1])
"""
WORDS = ["mug", "cup", "tea", "nails", "wood"]


def embed(texts):
    """Which of five words a text holds, at length 1."""
    rows = np.array([[word in text for word in WORDS] for text in texts], np.float32)
    return rows / np.maximum(1e-9, np.linalg.norm(rows, axis=1, keepdims=True))


def nearest(content, document, k=1, **options):
    codes, weights = content.neighbours(content.vectors([document]), k, **options)
    return content.item_ids[codes[0][weights[0] > 0]].tolist()


@pytest.fixture
def content():
    return ItemContent.fit(IDS, COLUMNS, KINDS, embed)


def test_every_item_has_a_vector_of_length_one_but_one_without_metadata(content):
    lengths = np.linalg.norm(content.rows.toarray(), axis=1)
    np.testing.assert_allclose(lengths, [1, 1, 1, 1, 0], atol=1e-6)


def test_a_new_item_gets_the_vector_it_would_have_had_in_training(content):
    document = {name: column[1] for name, column in COLUMNS.items()}
    np.testing.assert_allclose(content.vectors([document]), content.rows.toarray()[[1]], atol=1e-6)


@pytest.mark.parametrize(
    ("document", "found"),
    [
        ({"AISLE": "tools"}, "hammer"),
        ({"PRICE": 31}, "saw"),
        ({"TEXT": "nails"}, "hammer"),
        ({"AISLE": "gift|tools|unheard of"}, "saw"),
    ],
)
def test_a_new_item_finds_what_shares_its_metadata(content, document, found):
    assert nearest(content, document) == [found]


def test_a_rare_value_says_more_than_a_common_one():
    columns = {"TAGS": ["new|blue", "new|red", "new|red", "red", "blue|new|red", "new"]}
    content = ItemContent.fit(list("abcdef"), columns, {"TAGS": "categorical"})
    assert nearest(content, {"TAGS": "blue|red"}, 2) == ["e", "a"]


def test_columns_count_alike_among_those_that_are_there(content):
    of_aisle, of_both = (content.cosines(content.vectors([document]))[0, 2] for document in ({"AISLE": "tools"}, {}))
    assert of_both == 0
    hammer = {name: column[2] for name, column in COLUMNS.items()}
    assert content.cosines(content.vectors([hammer | {"TEXT": None, "PRICE": None}]))[0, 2] == pytest.approx(of_aisle)
    assert of_aisle == pytest.approx(1 / np.sqrt(3))  # one of three columns, all alike there


def test_the_nearer_the_number_the_more_alike():
    content = ItemContent.fit([str(i) for i in range(100)], {"PRICE": range(100)}, {"PRICE": "number"})
    alike = content.cosines(content.vectors([{"PRICE": 50}]))[0]
    assert alike[50] == pytest.approx(1) and alike[50] > alike[53] > alike[57] > alike[80] == 0


@pytest.mark.parametrize("nothing", [None, np.nan, pd.NA, pd.NaT])
def test_every_way_to_say_nothing_is_a_missing_value(content, nothing):
    columns = {name: [cell or nothing for cell in column] for name, column in COLUMNS.items()}
    np.testing.assert_array_equal(ItemContent.fit(IDS, columns, KINDS, embed).rows.toarray(), content.rows.toarray())


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"PRICE": [4, "2x", 3, 2, 1]}, r"column 'PRICE' holds something that is no number .*'2x'"),
        ({"AISLE": [["tools", "gift"]] * 5}, r"column 'AISLE' holds \['tools', 'gift'\]: give each row one value"),
        ({"TEXT": [np.array(["a"])] * 5}, r"column 'TEXT' holds array\(.*: give each row one value"),
    ],
)
def test_a_cell_of_another_kind_is_named(content, change, told):
    with pytest.raises(ModelError, match=told):
        ItemContent.fit(IDS, COLUMNS | change, KINDS, embed)
    with pytest.raises(ModelError, match=told):
        content.vectors([{name: cells[1] for name, cells in change.items()}])


def test_a_column_that_is_not_there_is_named():
    with pytest.raises(ModelError, match="no column COLOUR; there are AISLE, PRICE, TEXT"):
        ItemContent.fit(IDS, COLUMNS, KINDS | {"COLOUR": "categorical"}, embed)


def test_the_same_table_gives_the_same_bytes_whatever_the_hash_seed(tmp_path):
    for seed in "12":
        command = [sys.executable, "-c", SAVING, str(tmp_path / seed)]
        subprocess.run(command, check=True, env=os.environ | {"PYTHONHASHSEED": seed})
    one, two = (tmp_path / seed / "meta.sha256" for seed in "12")
    assert one.read_bytes() == two.read_bytes()


def test_what_every_item_has_says_nothing():
    content = ItemContent.fit(["a", "b"], {"X": ["same", "same"], "Y": [1.0, 1.0]}, {"X": "categorical", "Y": "number"})
    assert nearest(content, {"X": "same", "Y": 1.0}) == []


@pytest.mark.parametrize("among", [[2, 3], np.array([False, False, True, True, True])], ids=["codes", "mask"])
def test_only_items_among_those_given_are_neighbours(content, among):
    assert set(nearest(content, {"AISLE": "kitchen|gift"}, 5, among=among)) == {"saw"}


def test_weights_sum_to_one_or_are_all_zero(content):
    documents = [{"AISLE": "tools"}, {"AISLE": "unheard of"}, {}]
    codes, weights = content.neighbours(content.vectors(documents), 3)
    assert codes.shape == weights.shape == (3, 3) and codes.dtype == np.int32 and weights.dtype == np.float32
    np.testing.assert_allclose(weights.sum(axis=1), [1, 0, 0], atol=1e-6)
    assert (np.diff(weights) <= 0).all()


def test_no_documents_have_no_neighbours(content):
    codes, weights = content.neighbours(content.vectors([]), 3)
    assert codes.shape == weights.shape == (0, 3)


def test_without_an_embedding_text_is_ignored():
    content = ItemContent.fit(IDS, COLUMNS, KINDS)
    assert nearest(content, {"TEXT": "nails"}) == []


def test_nan_and_none_are_both_missing():
    columns = {"AISLE": ["a", float("nan"), None], "PRICE": [1.0, float("nan"), 2.0]}
    content = ItemContent.fit(["x", "y", "z"], columns, {"AISLE": "categorical", "PRICE": "number"})
    assert not content.rows.toarray()[[1]].any()


def test_saved_and_loaded_it_answers_the_same_once_it_has_its_embedding_again(content, tmp_path):
    content.save(tmp_path / "content")
    loaded = load(tmp_path / "content")
    document = {"AISLE": "tools|gift", "PRICE": 21, "TEXT": "wood"}
    assert not loaded.vectors([{"TEXT": "wood"}]).any()
    loaded.metadata.embed = embed
    np.testing.assert_array_equal(loaded.vectors([document]), content.vectors([document]))
    assert nearest(loaded, document, 3) == nearest(content, document, 3)


def test_texts_are_understood_as_before_in_a_model_saved_before_it_was_said_what_embeds_them(tmp_path):
    content = ItemContent.from_items(pd.DataFrame({"ITEM_ID": IDS, "TEXT": COLUMNS["TEXT"]}), {"TEXT": "text"})
    about = {"settings": {}, "trials": []}
    write_model(tmp_path / "content", Stored("ItemContent", content._arrays(), content.item_ids, about))
    assert nearest(load(tmp_path / "content"), {"TEXT": "a saw for wood"}) == ["saw"]


def test_an_unknown_kind_is_refused():
    with pytest.raises(ModelError, match="column 'X' is of kind 'colour'; choose one of categorical, number, text"):
        ItemContent.fit(["a"], {"X": ["red"]}, {"X": "colour"})


def test_a_column_of_another_length_is_refused():
    with pytest.raises(ModelError, match=r"2 items, but columns of the lengths \{'X': 3\}"):
        ItemContent.fit(["a", "b"], {"X": ["red"] * 3}, {"X": "categorical"})


def test_items_without_any_column_resemble_nothing():
    content = ItemContent.fit(["a", "b"], {}, {})
    codes, weights = content.neighbours(content.vectors([{"X": "red"}]), 2)
    assert codes.shape == (1, 2) and not weights.any()


def test_neighbours_share_a_category_far_more_often_than_chance():
    rng = np.random.default_rng(0)
    groups = rng.integers(0, 20, 600)
    columns = {"GROUP": [f"g{g}" for g in groups], "PRICE": groups + rng.normal(0, 2, 600)}
    content = ItemContent.fit([str(i) for i in range(600)], columns, {"GROUP": "categorical", "PRICE": "number"})
    codes, _ = content.neighbours(content.rows.toarray(), 11)
    assert (groups[codes] == groups[:, None]).mean() > 0.9


def test_a_single_item_that_is_in_no_list_is_refused():
    content = ItemContent.fit(["a", "b"], {"AISLE": ["x", "y"]}, {"AISLE": "categorical"})
    with pytest.raises(ModelError, match="put a single one in a list"):
        content.vectors({"AISLE": "x"})
