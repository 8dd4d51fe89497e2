"""The craft of the notebooks: short cells, one parameters cell, words beside code, outputs stored."""

import ast
import re
from functools import cache
from pathlib import Path
from typing import Any

import nbformat
import pytest

from recsys import params, runner

NOTEBOOKS = sorted((Path(__file__).parents[1] / "notebooks").glob("*.ipynb"))


@cache
def cells(path: Path, kind: str) -> list[Any]:
    return [cell for cell in nbformat.read(path, as_version=4).cells if cell.cell_type == kind]


def lines(cell: Any) -> int:
    return len([line for line in cell.source.splitlines() if line.strip()])


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
class TestEveryNotebook:
    def test_keeps_the_budget(self, path: Path) -> None:
        code = cells(path, "code")
        assert len(code) <= 15
        assert sum(map(lines, code)) <= 90
        assert max(map(lines, code)) <= 12

    def test_has_at_least_as_many_words_as_code(self, path: Path) -> None:
        assert len(cells(path, "markdown")) >= len(cells(path, "code"))

    def test_holds_no_logic_and_no_boto3(self, path: Path) -> None:
        for cell in cells(path, "code"):
            tree = ast.parse(cell.source)
            assert not any(
                isinstance(node, ast.FunctionDef | ast.ClassDef | ast.While | ast.Try) for node in ast.walk(tree)
            )
            assert "boto3" not in cell.source

    def test_its_parameters_are_literals_with_help_and_the_local_profile_s_values(self, path: Path) -> None:
        injected = runner.injected(path, params.load(environment={})[0])
        (cell,) = [cell for cell in cells(path, "code") if "parameters" in cell.metadata.get("tags", [])]
        for line, node in zip(cell.source.splitlines(), ast.parse(cell.source).body, strict=True):
            assert isinstance(node, ast.Assign)
            name = node.targets[0].id  # type: ignore[attr-defined]
            assert "  # " in line, f"{name} has no help"
            if name not in runner.FIXED:
                assert ast.literal_eval(node.value) == injected[name], name

    def test_carries_outputs_counted_from_one(self, path: Path) -> None:
        counts = [cell.execution_count for cell in cells(path, "code")]
        assert counts == list(range(1, len(counts) + 1))
        assert any(cell.outputs for cell in cells(path, "code"))

    def test_starts_and_finishes_as_itself(self, path: Path) -> None:
        source = "\n".join(cell.source for cell in cells(path, "code"))
        assert f'"{path.stem}"' in source
        assert "run.finish(" in cells(path, "code")[-1].source

    def test_ends_with_things_to_try(self, path: Path) -> None:
        assert cells(path, "markdown")[-1].source.startswith("## To try\n\n- ")

    def test_its_words_have_no_bare_dollar_sign(self, path: Path) -> None:
        for cell in cells(path, "markdown"):  # JupyterLab sets what is between two of them as a formula
            assert not re.search(r"(?<!\\)\$", re.sub("`[^`]*`", "", cell.source)), cell.source
