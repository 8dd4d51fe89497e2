"""A model on disk is whole and unaltered, or refused with the name of the file."""

import errno
import json
import os
import re
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from recsys.errors import ModelError
from recsys.models import Model, NextItem, Popularity, load
from recsys.models.next_item.rows import Rows


@pytest.fixture
def folder(ring, tmp_path):
    NextItem.fit(ring, budget=0).save(tmp_path / "model")
    return tmp_path / "model"


def test_arrays_are_memory_mapped(ring, tmp_path):
    Popularity.fit(ring).save(tmp_path / "popular")
    assert isinstance(load(tmp_path / "popular").counts, np.memmap)


def test_a_class_loads_its_own_models_and_those_of_its_subclasses_only(folder):
    assert isinstance(NextItem.load(folder), NextItem) and isinstance(Model.load(folder), NextItem)
    with pytest.raises(ModelError, match=r"holds a NextItem, which is no Popularity: load it with NextItem\.load"):
        Popularity.load(folder)


def test_a_model_tells_its_class_its_items_and_its_settings(folder):
    model = NextItem.load(folder)
    assert re.fullmatch(rf"NextItem\({len(model.item_ids)} items, .*penalty=[0-9.]+.*\)", repr(model))
    assert "twin_weight" not in repr(model) or model.settings["twin_weight"]


@pytest.mark.parametrize("name", ["table_steps.npy", "popularity.npy", "item_ids.json"])
def test_an_altered_byte_is_noticed(folder, name):
    data = bytearray((folder / name).read_bytes())
    data[-1] ^= 1
    (folder / name).write_bytes(data)
    with pytest.raises(ModelError, match=f"{name} was cut short or altered"):
        load(folder)


def test_a_cut_file_is_noticed(folder):
    (folder / "table_steps.npy").write_bytes((folder / "table_steps.npy").read_bytes()[:-100])
    with pytest.raises(ModelError, match=r"table_steps\.npy was cut short or altered"):
        load(folder)


def test_a_lost_file_is_noticed(folder):
    (folder / "table_steps.npy").unlink()
    with pytest.raises(ModelError, match=r"table_steps\.npy is missing"):
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
    with pytest.raises(ModelError, match="cannot be read; this release reads version 3"):
        load(folder)


@pytest.mark.parametrize("change", [{"temperature": 0.125}, {"settings": {}}, {"trials": [{"ndcg": 1.0}]}])
def test_an_edit_of_what_meta_says_about_the_model_is_noticed(folder, change):
    meta = json.loads((folder / "meta.json").read_text())
    (folder / "meta.json").write_text(json.dumps(meta | {"about": meta["about"] | change}, indent=1))
    with pytest.raises(ModelError, match=r"meta\.json was cut short or altered"):
        load(folder)


@pytest.mark.parametrize("text", [None, "", "no digest", "\xff"])
def test_without_its_own_checksum_a_meta_file_is_not_believed(folder, text):
    (folder / "meta.sha256").unlink()
    if text is not None:
        (folder / "meta.sha256").write_text(text, "latin-1")
    with pytest.raises(ModelError, match=r"meta\.json was cut short or altered"):
        load(folder)


def test_an_empty_place_is_no_model(tmp_path):
    with pytest.raises(ModelError, match="no model was saved there"):
        load(tmp_path)


def test_saving_again_replaces_the_model_and_leaves_nothing_beside_it(ring, folder):
    Popularity.fit(ring).save(folder)
    assert type(load(folder)) is Popularity
    assert [path.name for path in folder.parent.iterdir()] == ["model"]


def test_where_the_new_model_cannot_take_its_place_the_old_one_stays(ring, folder, monkeypatch):
    move = os.replace

    def full(source: Path, target: Path) -> None:
        if source.name == "new":
            raise OSError(errno.ENOSPC, "No space left on device")
        move(source, target)

    monkeypatch.setattr(os, "replace", full)
    with pytest.raises(ModelError, match=r"not saved .*No space left"):
        Popularity.fit(ring).save(folder)
    assert type(load(folder)) is NextItem and [path.name for path in folder.parent.iterdir()] == ["model"]


def test_who_reads_while_it_is_saved_meets_a_whole_model(ring, folder):
    models = [Popularity.fit(ring), NextItem.fit(ring, budget=0)]
    with ThreadPoolExecutor() as pool:
        saving = pool.submit(lambda: [models[n % 2].save(folder) for n in range(200)])
        while not saving.done():
            assert load(folder).scores([0]).shape == (8,)
    saving.result()


def test_a_save_deletes_nothing_but_a_model(ring, tmp_path):
    (tmp_path / "thesis").mkdir()
    (tmp_path / "thesis" / "thesis.tex").write_text("years of work")
    (tmp_path / "link").symlink_to("thesis")
    for place in ("thesis", "link", "thesis/thesis.tex"):
        with pytest.raises(ModelError, match=f"{place} is no model, and a save would delete it"):
            Popularity.fit(ring).save(tmp_path / place)
    assert (tmp_path / "thesis" / "thesis.tex").read_text() == "years of work"


def test_an_empty_folder_and_a_link_to_a_model_may_be_saved_to(ring, folder):
    (folder.parent / "current").symlink_to("model")
    (folder.parent / "empty").mkdir()
    for name in ("current", "empty"):
        Popularity.fit(ring).save(folder.parent / name)
    assert (folder.parent / "current").is_symlink()
    assert all(type(load(path)) is Popularity for path in folder.parent.iterdir())


def test_a_place_that_cannot_be_written_is_named(ring, tmp_path):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(ModelError, match="not saved"):
        Popularity.fit(ring).save(tmp_path / "file" / "model")


LOADING = """
import sys
from recsys.models import load
model = load(sys.argv[1])
lines = open("/proc/self/smaps").read().split("table_steps.npy", 1)[1].splitlines()[1:16]
kilobytes = {line.split(":")[0]: int(line.split()[1]) for line in lines}
print(*(kilobytes[name] for name in ("Size", "Rss", "Pss", "Anonymous")))
"""


@pytest.mark.skipif(sys.platform != "linux", reason="/proc says whose a page is")
def test_processes_that_load_the_same_model_share_its_pages(ring, tmp_path):
    model = NextItem.fit(ring, budget=0)
    model.table = Rows.of(np.ones((4000, 2000), np.float32))
    model.save(tmp_path / "model")
    here = load(tmp_path / "model")
    there = subprocess.run([sys.executable, "-c", LOADING, tmp_path / "model"], capture_output=True, check=True)
    size, resident, share, own = map(int, there.stdout.split())
    assert resident == size and own == 0
    assert share <= 0.51 * size, f"a page counts by half where two have it, as {here.table.shape} here"
