"""The rules of the house: who may import whom, one list of dependencies, no index addresses."""

import ast
import re
import sys
import tomllib
from collections.abc import Callable, Collection, Iterable
from functools import cache
from pathlib import Path

import yaml

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "recsys"
STAGES = ("data", "train", "serve", "stream", "deploy", "operate", "sagemaker")
CONTAINER = ("sagemaker/container/**/*.py", "sagemaker/metrics.py")  # what is in the image
FOUNDATION = {"models", "metrics", "columns", "errors", "files", "timezones"}
STAGE_MAY = FOUNDATION | {"aws", "params", "plots", "schedule", "http"}


@cache
def imports(path: Path) -> frozenset[str]:
    """Dotted names of everything a module imports, wherever in it."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            found |= {f"{node.module}.{alias.name}" for alias in node.names}
    return frozenset(found)


def rooms(path: Path) -> set[str]:
    """The rooms of the package that a module imports from: `aws`, `models`, `local` and so on."""
    return {name.split(".")[1] for name in imports(path) if name.startswith("recsys.")}


def modules(*places: str) -> list[Path]:
    found = sorted(path for place in places for path in PACKAGE.glob(place))
    assert found
    return found


def wrong(paths: Iterable[Path], what: Callable[[Path], Collection[str]]) -> dict[str, Collection[str]]:
    """What is found wrong of each path of which anything is."""
    return {str(path.relative_to(ROOT)): found for path in paths if (found := what(path))}


def naming(*starts: str) -> Callable[[Path], list[str]]:
    """The imports of a module that start so."""
    return lambda path: [name for name in imports(path) if name.startswith(starts)]


def test_the_foundation_imports_nothing_above_it() -> None:
    founded = modules(*(f"{room}{suffix}" for room in FOUNDATION for suffix in (".py", "/**/*.py")))
    assert wrong(founded, lambda path: rooms(path) - FOUNDATION) == {}
    assert wrong(founded, naming("boto", "uvicorn", "starlette")) == {}


def test_a_stage_imports_no_other_stage_and_never_the_embedded_aws() -> None:
    for stage in STAGES:
        staged = {*modules(f"{stage}/**/*.py")} - {*modules(*CONTAINER)}
        assert wrong(staged, lambda path, own=stage: rooms(path) - STAGE_MAY - {own}) == {}


def test_the_container_imports_only_what_its_image_carries() -> None:
    inside = ("recsys.sagemaker.container.", "recsys.sagemaker.metrics.")
    carried = modules(*CONTAINER)
    assert wrong(carried, lambda path: rooms(path) - FOUNDATION - {"data", "sagemaker"}) == {}
    assert wrong(carried, lambda path: [n for n in naming("recsys.sagemaker.")(path) if not n.startswith(inside)]) == {}
    assert wrong(carried, naming("boto", "sagemaker")) == {}


def test_the_embedded_aws_imports_only_the_foundation() -> None:
    assert wrong(modules("local/**/*.py"), lambda path: rooms(path) - FOUNDATION - {"local"}) == {}


def test_personalize_can_do_without_the_other_services() -> None:
    alone = modules("local/personalize/**/*.py", "local/standalone.py")
    assert wrong(alone, naming("ministack", "recsys.local.aws")) == {}


def test_only_the_command_line_starts_the_embedded_aws() -> None:
    others = [path for path in modules("**/*.py") if not {"local", "cli"} & {*path.relative_to(PACKAGE).parts}]
    assert wrong(others, naming("recsys.local")) == {}


def test_a_lambda_imports_nothing_that_its_zip_does_not_carry() -> None:
    def not_carried(path: Path) -> set[str]:
        siblings = {other.stem for other in path.parent.glob("*.py")}
        carried = {"boto3", "botocore", "aws_lambda_powertools"} | siblings | sys.stdlib_module_names
        return {name.split(".")[0] for name in imports(path)} - carried

    assert wrong(modules("lambdas/**/*.py"), not_carried) == {}


def test_a_package_lists_only_modules_that_are_there() -> None:
    """Listed as `name  what it is`, with two blanks at least, or named as name.py anywhere in the docstring."""

    def not_there(path: Path) -> set[str]:
        said = ast.get_docstring(ast.parse(path.read_text())) or ""
        named = {*re.findall(r"[\w/]+\.py\b", said), *re.findall(r"^ *([a-z][\w/]*) {2,}\S", said, flags=re.MULTILINE)}
        folders = [folder for folder in path.parents if folder.is_relative_to(ROOT)]
        return {n for n in named if not any((at / n).exists() or (at / f"{n}.py").exists() for at in folders)}

    assert wrong(modules("**/__init__.py"), not_there) == {}


def test_endpoints_are_known_only_where_they_belong() -> None:
    knowing = ("local", "aws.py", "cli")
    others = [path for path in modules("**/*.py") if path.relative_to(PACKAGE).parts[0] not in knowing]
    assert wrong(others, lambda path: re.findall("endpoint_url|AWS_ENDPOINT_URL", path.read_text())) == {}


def test_conda_users_get_what_pip_users_get() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    conda = yaml.safe_load((ROOT / "environment.yml").read_text())["dependencies"]
    expected = [*project["project"]["dependencies"], *project["dependency-groups"]["dev"], "-e ."]
    assert conda[-1]["pip"] == expected
    assert f"python{project['project']['requires-python']}" in conda


def test_the_lock_pins_every_package_with_hashes_and_names_no_index() -> None:
    lock = (ROOT / "requirements.lock").read_text()
    assert not re.search(r"https?://|--index|--extra-index|--find-links", lock)
    for line in re.findall(r"^[a-z0-9][^\n]*$", lock, flags=re.MULTILINE):
        assert re.match(r"^[a-z0-9._-]+==\S+", line), line
        assert line.endswith("\\"), f"no hash: {line}"


def test_the_lock_holds_every_dependency() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    locked = set(re.findall(r"^([a-z0-9._-]+)==", (ROOT / "requirements.lock").read_text(), flags=re.MULTILINE))
    wanted = {re.split(r"[<>=\[]", entry)[0] for entry in project["project"]["dependencies"]}
    assert wanted <= locked


def test_a_test_that_is_skipped_is_named_with_its_reason() -> None:
    options = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["pytest"]["ini_options"]["addopts"]
    assert "-rs" in options.split()
