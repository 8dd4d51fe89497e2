"""The rules of the house: who may import whom, one list of dependencies, no index addresses."""

import ast
import re
import tomllib
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "recsys"
STAGES = ("data", "train", "serve", "stream", "deploy", "operate", "sagemaker")
CONTAINER = ("sagemaker/container/**/*.py", "sagemaker/metrics.py")  # what is in the image
FOUNDATION = {"models", "metrics", "columns", "errors", "files", "timezones"}
STAGE_MAY = FOUNDATION | {"aws", "params", "plots", "schedule", "http"}


def imports(path: Path) -> set[str]:
    """Dotted names of everything a module imports, wherever in it."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            found |= {f"{node.module}.{alias.name}" for alias in node.names}
    return found


def rooms(path: Path) -> set[str]:
    """The rooms of the package that a module imports from: `aws`, `models`, `local` and so on."""
    return {name.split(".")[1] for name in imports(path) if name.startswith("recsys.")}


def modules(*places: str) -> list[Path]:
    return sorted(path for place in places for path in PACKAGE.glob(place))


FOUNDED = modules(*(f"{room}{suffix}" for room in FOUNDATION for suffix in (".py", "/**/*.py")))


@pytest.mark.parametrize("path", FOUNDED, ids=str)
def test_the_foundation_imports_nothing_above_it(path: Path) -> None:
    assert rooms(path) <= FOUNDATION
    assert not [name for name in imports(path) if name.startswith(("boto", "uvicorn", "starlette"))]


STAGED = sorted({*modules(*(f"{stage}/**/*.py" for stage in STAGES))} - {*modules(*CONTAINER)})


@pytest.mark.parametrize("path", STAGED, ids=str)
def test_a_stage_imports_no_other_stage_and_never_the_embedded_aws(path: Path) -> None:
    own = path.relative_to(PACKAGE).parts[0]
    assert rooms(path) <= STAGE_MAY | {own}


@pytest.mark.parametrize("path", modules(*CONTAINER), ids=str)
def test_the_container_imports_only_what_its_image_carries(path: Path) -> None:
    assert rooms(path) <= FOUNDATION | {"data", "sagemaker"}
    inside = ("recsys.sagemaker.container.", "recsys.sagemaker.metrics.")
    assert all(name.startswith(inside) for name in imports(path) if name.startswith("recsys.sagemaker."))
    assert not [name for name in imports(path) if name.startswith(("boto", "sagemaker"))]


@pytest.mark.parametrize("path", modules("local/**/*.py"), ids=str)
def test_the_embedded_aws_imports_only_the_foundation(path: Path) -> None:
    assert rooms(path) <= FOUNDATION | {"local"}


@pytest.mark.parametrize("path", modules("local/personalize/**/*.py", "local/standalone.py"), ids=str)
def test_personalize_can_do_without_the_other_services(path: Path) -> None:
    assert not [name for name in imports(path) if name.startswith(("ministack", "recsys.local.aws"))]


@pytest.mark.parametrize("path", [p for p in modules("**/*.py") if not {"local", "cli"} & set(p.parts)], ids=str)
def test_only_the_command_line_starts_the_embedded_aws(path: Path) -> None:
    assert "local" not in rooms(path)


@pytest.mark.parametrize("path", modules("lambdas/**/*.py"), ids=str)
def test_a_lambda_imports_nothing_that_its_zip_does_not_carry(path: Path) -> None:
    siblings = {other.stem for other in path.parent.glob("*.py")}
    allowed = {"boto3", "botocore", "aws_lambda_powertools"} | siblings
    import sys

    roots = {name.split(".")[0] for name in imports(path)}
    assert roots <= allowed | set(sys.stdlib_module_names)


@pytest.mark.parametrize("path", modules("**/__init__.py"), ids=str)
def test_a_package_lists_only_modules_that_are_there(path: Path) -> None:
    """Listed as `name  what it is`, with two blanks at least, or named as name.py anywhere in the docstring."""
    said = ast.get_docstring(ast.parse(path.read_text())) or ""
    named = {*re.findall(r"[\w/]+\.py\b", said), *re.findall(r"^ *([a-z][\w/]*) {2,}\S", said, flags=re.MULTILINE)}
    folders = [folder for folder in path.parents if folder.is_relative_to(ROOT)]
    assert not [n for n in named if not any((at / n).exists() or (at / f"{n}.py").exists() for at in folders)]


def test_endpoints_are_known_only_where_they_belong() -> None:
    knowing = ("local", "aws.py", "cli")
    for path in modules("**/*.py"):
        if path.relative_to(PACKAGE).parts[0] not in knowing:
            assert not re.search("endpoint_url|AWS_ENDPOINT_URL", path.read_text()), path


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
