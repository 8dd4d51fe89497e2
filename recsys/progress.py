"""What a person sees while a notebook runs: a live bar on a terminal, plain lines in a log."""

import logging
from typing import Any, Self

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn


class Bar(logging.Handler):
    """A live bar on a terminal; elsewhere plain lines for what is waited for. It hears papermill's log of outputs."""

    def __init__(self, name: str, console: Console) -> None:
        super().__init__(logging.INFO)
        self.name_of_notebook, self.console, self.live = name, console, console.is_terminal
        columns = (
            TextColumn("{task.description:<24}"),
            BarColumn(),
            TextColumn("{task.fields[note]}"),
            TimeElapsedColumn(),
        )
        self.progress = Progress(*columns, console=console, transient=True, disable=not self.live)
        self.task = self.progress.add_task(name, total=None, note="starting the kernel")
        self.logger = logging.getLogger("papermill")

    def __enter__(self) -> Self:
        if not self.live:
            self.console.print(f"{self.name_of_notebook:<24} running")
        self.before = (self.logger.level, self.logger.propagate)
        self.logger.setLevel(logging.INFO)
        self.logger.propagate = False
        self.logger.addHandler(self)
        self.progress.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.progress.stop()
        self.logger.removeHandler(self)
        self.logger.level, self.logger.propagate = self.before

    def watch(self, manager: Any) -> None:
        """Follow the notebook that papermill executes, cell by cell."""
        total = len(manager.nb.cells)
        begin = manager.cell_start

        def cell_start(cell: Any, cell_index: int | None = None, **options: Any) -> None:
            self.progress.update(
                self.task, total=total, completed=cell_index or 0, note=f"cell {(cell_index or 0) + 1}/{total}"
            )
            begin(cell, cell_index, **options)

        manager.cell_start = cell_start

    def emit(self, record: logging.LogRecord) -> None:
        for line in record.getMessage().splitlines():
            if line.startswith("waiting: "):
                self.progress.update(self.task, note=line)
                if not self.live:
                    self.console.print(f"  {line}", highlight=False)
