"""Which parameters a notebook reads: its result depends on no others."""

from typing import Any

from recsys.params.sections import Params, Section


class ReadTracker:
    """Parameters as a notebook sees them, which note what is read of them: its result depends on no others.

    read: by dotted key, `{"serving.num_results": 5}`.
    """

    def __init__(self, values: Params) -> None:
        self._values = values
        self.read: dict[str, Any] = {}

    def __getattr__(self, name: str) -> Any:
        if name in Params.model_fields:
            return _SectionReadTracker(getattr(self._values, name), name, self.read)
        if name == "command":  # words for a person, by which no result differs
            return self._values.command
        if name in vars(Params):
            # Bound to this tracker in the place of the parameters, a property or method reads its sections through it.
            return vars(Params)[name].__get__(self)
        raise AttributeError(name)


class _SectionReadTracker:
    def __init__(self, values: Section, section: str, read: dict[str, Any]) -> None:
        self._values, self._section, self._read = values, section, read

    def __getattr__(self, name: str) -> Any:
        fields = type(self._values).model_fields
        for each in [name] if name in fields else fields:  # whoever takes it whole depends on all of it
            self._read[f"{self._section}.{each}"] = getattr(self._values, each)
        return getattr(self._values, name)
