"""A model on disk is whole and unaltered, or refused with the name of the file."""

import json

import numpy as np
import pytest

from recsys.errors import ModelError
from recsys.models import NextItem, Popularity, load


@pytest.fixture
def folder(ring, tmp_path):
    NextItem.fit(ring, budget=0).save(tmp_path / "model")
    return tmp_path / "model"


def test_arrays_are_memory_mapped(ring, tmp_path):
    Popularity.fit(ring).save(tmp_path / "popular")
    assert isinstance(load(tmp_path / "popular").counts, np.memmap)


@pytest.mark.parametrize("name", ["table.npy", "popularity.npy", "item_ids.json"])
def test_an_altered_byte_is_noticed(folder, name):
    data = bytearray((folder / name).read_bytes())
    data[-1] ^= 1
    (folder / name).write_bytes(data)
    with pytest.raises(ModelError, match=f"{name} was cut short or altered"):
        load(folder)


def test_a_cut_file_is_noticed(folder):
    (folder / "table.npy").write_bytes((folder / "table.npy").read_bytes()[:-100])
    with pytest.raises(ModelError, match=r"table\.npy was cut short or altered"):
        load(folder)


def test_a_lost_file_is_noticed(folder):
    (folder / "table.npy").unlink()
    with pytest.raises(ModelError, match=r"table\.npy is missing"):
        load(folder)


@pytest.mark.parametrize("text", ["", "{", "[]", "{}", '{"sha256": 3}'])
def test_a_damaged_meta_file_is_noticed(folder, text):
    (folder / "meta.json").write_text(text)
    with pytest.raises(ModelError, match=r"meta\.json is damaged"):
        load(folder)


@pytest.mark.parametrize("change", [{"version": 99}, {"model": "Oracle"}])
def test_another_version_or_kind_is_refused(folder, change):
    meta = json.loads((folder / "meta.json").read_text())
    (folder / "meta.json").write_text(json.dumps(meta | change))
    with pytest.raises(ModelError, match="cannot be read; this release reads version 1"):
        load(folder)


def test_an_empty_place_is_no_model(tmp_path):
    with pytest.raises(ModelError, match="no model was saved there"):
        load(tmp_path)


def test_saving_again_replaces_the_model_and_leaves_nothing_beside_it(ring, folder):
    Popularity.fit(ring).save(folder)
    assert type(load(folder)) is Popularity
    assert [path.name for path in folder.parent.iterdir()] == ["model"]


def test_a_place_that_cannot_be_written_is_named(ring, tmp_path):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(ModelError, match="not saved"):
        Popularity.fit(ring).save(tmp_path / "file" / "model")
