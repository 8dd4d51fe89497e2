import os
from pathlib import Path

import pytest

from recsys import data, files, params, runs


def test_a_relative_path_starts_at_the_root_wherever_the_kernel_is(monkeypatch: pytest.MonkeyPatch) -> None:
    root = files.root()
    monkeypatch.chdir(root / "tests")
    assert files.resolve("data/sample") == root / "data" / "sample"


def test_every_path_of_a_params_file_may_start_at_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    values, _ = params.load(settings=["run.runs_folder=~/runs", "data.data_file=~/shop"], environment={})
    assert runs.create(values, {}, "").folder.parent == tmp_path / "runs"
    sample = data.prepare("sample")
    assert sample.write(values.data.data_file)[0] == tmp_path / "shop" / "interactions.csv"
    assert len(data.prepare("sample", values.data.data_file).items) == len(sample.items)


def test_content_takes_its_place_whole(tmp_path: Path) -> None:
    files.replace_text(tmp_path / "note.json", "old")
    with files.replacing(tmp_path / "note.json") as draft:
        draft.write_text("ne")
        assert (tmp_path / "note.json").read_text() == "old"
        draft.write_text("new")
    assert {path.name: path.read_text() for path in tmp_path.iterdir()} == {"note.json": "new"}


def test_a_failure_leaves_the_old_content_and_no_draft(tmp_path: Path) -> None:
    files.replace_text(tmp_path / "note.json", "old")
    with pytest.raises(KeyError), files.replacing(tmp_path / "note.json") as draft:
        draft.write_text("half")
        raise KeyError
    assert {path.name: path.read_text() for path in tmp_path.iterdir()} == {"note.json": "old"}


@pytest.mark.parametrize("step", ["fsync", "replace"])
def test_a_disk_that_fails_leaves_the_old_content_and_no_draft(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    files.replace_text(tmp_path / "note.json", "old")

    def full(*_: object) -> None:
        raise OSError("no space left on device")

    monkeypatch.setattr(os, step, full)
    with pytest.raises(OSError, match="no space left"):
        files.replace_text(tmp_path / "note.json", "new")
    assert {path.name: path.read_text() for path in tmp_path.iterdir()} == {"note.json": "old"}


def test_two_writers_do_not_meet(tmp_path: Path) -> None:
    note = tmp_path / "note.json"
    with files.replacing(note) as one, files.replacing(note) as other:
        one.write_text("one")
        other.write_text("other")
    assert note.read_text() == "one"


def test_only_durable_content_is_waited_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    waited = []
    monkeypatch.setattr(os, "fsync", waited.append)
    for durable in (False, True):
        with files.replacing(tmp_path / "note.json", durable=durable) as draft:
            draft.write_text("new")
        assert len(waited) == durable
