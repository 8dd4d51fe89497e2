"""The fidelity page: what each operation does here and how AWS differs, from the models, the tables and the notes.

`make fidelity` writes docs/personalize-fidelity.md.
"""

import ast
from pathlib import Path
from typing import Any

import yaml
from granted import MODELS
from shapes import modelled

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "personalize-fidelity.md"
NOTES = ROOT / "docs" / "personalize-fidelity.yaml"
KINDS = ROOT / "recsys" / "local" / "personalize" / "control" / "kinds"
TITLES = {
    "personalize": "Control plane",
    "personalize-runtime": "Runtime",
    "personalize-events": "Events",
}
HEAD = """# Fidelity: the embedded Amazon Personalize, operation by operation

Written by `make fidelity` from botocore's models, the tables of the contract suite and the notes in
`docs/personalize-fidelity.yaml`. Every operation below is called with a valid request, and every error named is brought
about, by `pytest tests/contract`; each answer's bare body is held against botocore's output shape there.

**Inferred** marks what AWS does not document and what was decided here instead.
"""


def page() -> str:
    """The whole page as markdown."""
    notes = yaml.safe_load(NOTES.read_text())
    parts = [HEAD, *(_service(service, notes["operations"]) for service in TITLES)]
    parts += [_topics(notes["topics"]), _special_cases(notes["special"])]
    return "\n".join(parts)


def _service(service: str, notes: dict[str, Any]) -> str:
    lines = [
        f"## {TITLES[service]}",
        "",
        "| operation | here | AWS differs, or inferred | errors shown |",
        "|---|---|---|---|",
    ]
    names = sorted((model.name, key) for key, model in MODELS.items() if key.split(".")[0] == service)
    for name, key in names:
        note = notes[name]
        differs = "<br>".join(filter(None, [note.get("differs"), _inferred(note)]))
        errors = ", ".join(map(_short, sorted(modelled(MODELS[key]))))
        lines.append(f"| {name} | {note['here']} | {differs} | {errors} |")
    return "\n".join([*lines, ""])


def _inferred(note: dict[str, str]) -> str:
    return f"**Inferred:** {note['inferred']}" if "inferred" in note else ""


def _short(code: str) -> str:
    return code.removesuffix("Exception")


def _topics(topics: dict[str, list[str]]) -> str:
    sections = []
    for title, points in topics.items():
        sections += [f"## {title}", "", *(f"- {point}" for point in points), ""]
    return "\n".join(sections)


def _special_cases(why: dict[str, str]) -> str:
    """How many lines of code each family of kinds costs beyond its row in the table of resource types."""
    head = ["## What each special case costs", "", "| module | lines of code | for |", "|---|---|---|"]
    rows = [
        f"| kinds/{path.name} | {code_lines(path)} | {why[path.stem]} |" for path in sorted(KINDS.glob("[a-z]*.py"))
    ]
    others = ("resources", "control", "operations")
    rows += [f"| {name}.py | {code_lines(KINDS.parent / f'{name}.py')} | {why[name]} |" for name in others]
    return "\n".join([*head, *rows, ""])


def code_lines(path: Path) -> int:
    """Lines of a module without blank ones, comments and docstrings."""
    text = path.read_text()
    documented = set()
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str):
            documented |= set(range(node.lineno, node.end_lineno + 1))
    lines = enumerate(text.splitlines(), 1)
    return sum(1 for number, line in lines if line.strip() and line.strip()[0] != "#" and number not in documented)


if __name__ == "__main__":
    PAGE.write_text(page())
