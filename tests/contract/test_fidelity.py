"""The fidelity page says what the tables and notes say, of every operation."""

import re

import fidelity
import yaml
from granted import MODELS


def test_the_page_in_the_docs_is_the_one_that_is_generated() -> None:
    """But for the lines of code it counts: they change with every edit."""
    stored, generated = (re.sub(r"\| \d+ \|", "| n |", text) for text in (fidelity.PAGE.read_text(), fidelity.page()))
    assert stored == generated, "write it anew: make fidelity"


def test_every_operation_has_a_note_and_no_note_is_of_something_else() -> None:
    notes = yaml.safe_load(fidelity.NOTES.read_text())["operations"]
    assert set(notes) == {model.name for model in MODELS.values()}
