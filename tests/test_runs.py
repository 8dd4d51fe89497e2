import json
import os
from pathlib import Path

import nbformat
import pytest

from recsys import params, runs
from recsys.errors import NotebookError


@pytest.fixture
def values(tmp_path: Path) -> params.Params:
    return params.load(settings=[f"run.runs_folder={tmp_path / 'runs'}"], environment={})[0]


def test_what_a_step_records_another_process_reads(values: params.Params) -> None:
    run = runs.create(values, {}, "params/local.yaml")
    run.begin("01_data_prep", "abc")
    run.record("01_data_prep", status="done", resources={"BucketName": "b"}, metrics={"rows": 3})
    again = runs.find(run.run_id, values)
    assert again.resource("BucketName") == "b"
    assert again.status == "done"


def test_a_step_whose_process_is_gone_is_interrupted_and_one_that_is_run_is_running(values: params.Params) -> None:
    run = runs.create(values, {}, "params/local.yaml")
    run.begin("01_data_prep", fingerprint="", process=os.getpid())  # a number like ours, of somebody else
    assert runs.find("", values).status == "interrupted"
    with runs.exclusive_run(values):
        assert runs.find("", values).status == "running"


def test_the_newest_run_of_the_environment_is_found(values: params.Params) -> None:
    other = values.model_copy(update={"aws": values.aws.model_copy(update={"environment_suffix": "other"})})
    mine = runs.create(values, {}, "")
    runs.create(other, {}, "")
    assert runs.find("", values).run_id == mine.run_id


def test_a_missing_resource_says_what_to_run(values: params.Params) -> None:
    run = runs.create(values, {}, "")
    with pytest.raises(NotebookError, match="has no CampaignArn yet: run the earlier notebooks first"):
        run.resource("CampaignArn")


def test_what_an_earlier_run_has_is_missed_with_its_name_and_the_notebook_that_makes_it(values: params.Params) -> None:
    whole, begun = runs.create(values, {}, ""), runs.create(values, {}, "")
    whole.record("04_campaign_and_stream", resources={"CampaignArn": "c"}, outputs={"clicks": {"path": "clicks.csv"}})
    way = f'04_campaign_and_stream makes it; .* or go on with an earlier run by run_id = "{whole.run_id}"'
    with pytest.raises(NotebookError, match=f"{begun.run_id} has no CampaignArn yet: {way}"):
        begun.resource("CampaignArn")
    with pytest.raises(NotebookError, match=f"{begun.run_id} has no clicks yet: {way}"):
        begun.output("clicks")


def test_a_run_that_does_not_exist_is_named(values: params.Params) -> None:
    with pytest.raises(NotebookError, match=r"no run 2020 in .*`recsys runs` lists them"):
        runs.find("2020", values)


def test_a_damaged_manifest_is_named(values: params.Params) -> None:
    run = runs.create(values, {}, "")
    (run.folder / "manifest.json").write_text("{")
    with pytest.raises(NotebookError, match=r"manifest.json: not a readable manifest"):
        run.reload()


def test_a_manifest_of_another_version_is_refused(values: params.Params) -> None:
    run = runs.create(values, {}, "")
    (run.folder / "manifest.json").write_text(json.dumps({**run.manifest, "schema_version": 99}))
    with pytest.raises(NotebookError, match="schema version 99, expected 1"):
        run.reload()


def test_beginning_a_step_again_forgets_its_earlier_attempt(values: params.Params) -> None:
    run = runs.create(values, {}, "")
    run.record("03_training", status="failed", metrics={"ndcg": 1})
    run.begin("03_training", "f")
    assert "metrics" not in run.steps["03_training"]


def test_beginning_a_step_again_leaves_none_after_it_as_it_was(values: params.Params) -> None:
    run = runs.create(values, {}, "")
    for step in ("01_data_prep", "03_training", "04_campaign_and_stream"):
        run.begin(step, "f")
    run.begin("03_training", "g")
    told = {step: facts["fingerprint"] for step, facts in runs.Run(run.folder).steps.items()}
    assert told == {"01_data_prep": "f", "03_training": "g", "04_campaign_and_stream": ""}


def test_a_carried_step_brings_its_files_and_names_its_origin(values: params.Params) -> None:
    old, new = runs.create(values, {}, ""), runs.create(values, {}, "")
    table = old.folder / "tables" / "items.csv"
    table.parent.mkdir()
    table.write_text("ITEM_ID\n1\n")
    old.record("01_data_prep", status="done", outputs={"items": old.describe(table)})
    new.carry("01_data_prep", old)
    assert new.output("items").read_text() == "ITEM_ID\n1\n"
    assert new.steps["01_data_prep"]["carried_from"] == old.run_id


def test_a_full_disk_leaves_the_old_manifest_whole(values: params.Params, monkeypatch: pytest.MonkeyPatch) -> None:
    run = runs.create(values, {}, "")
    run.record("01_data_prep", status="done")
    monkeypatch.setattr("os.fsync", _disk_full)
    with pytest.raises(OSError, match="No space left"):
        run.record("02_schema_and_import", status="done")
    monkeypatch.undo()
    assert list(runs.Run(run.folder).steps) == ["01_data_prep"]
    assert [path.name for path in run.folder.iterdir()] == ["manifest.json"]


def _disk_full(_: int) -> None:
    raise OSError(28, "No space left on device")


@pytest.mark.parametrize("change", ["code", "parameter", "input", "before"])
def test_the_fingerprint_follows_everything_a_result_depends_on(tmp_path: Path, change: str) -> None:
    notebook, data = tmp_path / "n.ipynb", tmp_path / "d.csv"

    def fingerprint(code: str, parameter: int, content: str, before: str) -> str:
        nbformat.write(nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(code)]), notebook)
        data.write_text(content)
        return runs.fingerprint(notebook, {"seed": parameter}, [data], before)

    facts = {"code": "1", "parameter": 1, "content": "1", "before": "1"}
    changed = {**facts, {"input": "content"}.get(change, change): 2 if change == "parameter" else "2"}
    assert fingerprint(**facts) == fingerprint(**facts)  # type: ignore[arg-type]
    assert fingerprint(**facts) != fingerprint(**changed)  # type: ignore[arg-type]
