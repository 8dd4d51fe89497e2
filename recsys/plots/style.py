"""What every figure shares: the palette, the type, the head line, and a PNG that carries its finding as alt text.

Figures are drawn without pyplot, so nothing global is left open. Colours are Okabe and Ito's (2008), which people with
any common colour blindness tell apart; hatch, marker or label always says the same a second time.
"""

import base64
import html
import io
import re
import textwrap
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from decimal import Decimal
from itertools import pairwise
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure as Canvas
from matplotlib.font_manager import fontManager
from matplotlib.ticker import FuncFormatter, PercentFormatter
from PIL import Image

from recsys.errors import DataError

BLUE, ORANGE, GREEN, VERMILLION, PURPLE, SKY = "#0072B2", "#E69F00", "#009E73", "#D55E00", "#CC79A7", "#56B4E9"
INK, MUTED, PALE = "#222222", "#5F6368", "#C9CDD2"
COLOURS = (BLUE, ORANGE, GREEN, PURPLE, VERMILLION, SKY)
MARKERS = ("o", "s", "^", "D", "v", "P")
HATCHES = ("", "///", "...", "xxx", "\\\\\\", "++")
DASHES = ("-", (0, (5, 1.5)), (0, (1.5, 1.5)), (0, (5, 1.5, 1, 1.5)), (0, (8, 2)), (0, (3, 1, 1, 1, 1, 1)))

DPI = 150
WIDTH = 7.4
SCREEN_WIDTH = 740
LINE_OF_TEXT = 94
INCHES_PER_LINE = 0.19

# DejaVu Sans comes with matplotlib; the others have the letters it lacks, where they are installed.
OTHER_SCRIPTS = (
    *("Noto Sans CJK JP", "Noto Sans CJK SC", "Noto Sans JP", "Hiragino Sans", "PingFang SC", "Yu Gothic"),
    *("Microsoft YaHei", "Malgun Gothic", "WenQuanYi Zen Hei", "Noto Sans Devanagari", "Noto Sans Thai", "Nirmala UI"),
    *("Leelawadee UI", "Arial Unicode MS"),
)
INSTALLED = {font.name for font in fontManager.ttflist}
NO_GLYPH = re.compile(r"Glyph (\d+) .* missing from font")

RC = {
    "font.family": ["DejaVu Sans", *(name for name in OTHER_SCRIPTS if name in INSTALLED)],
    "font.size": 9.5,
    "axes.labelsize": 9.5,
    "axes.titlesize": 9.5,
    "axes.titlelocation": "left",
    "xtick.labelsize": 9,
    "ytick.labelsize": 9,
    "legend.fontsize": 9,
    "legend.frameon": False,
    "text.color": INK,
    "axes.labelcolor": MUTED,
    "axes.edgecolor": PALE,
    "xtick.color": MUTED,
    "ytick.color": MUTED,
    "axes.grid": True,
    "axes.axisbelow": True,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "grid.color": "#E8EAED",
    "grid.linewidth": 0.8,
    "xtick.major.size": 0,
    "xtick.minor.size": 0,
    "ytick.major.size": 0,
    "ytick.minor.size": 0,
    "lines.linewidth": 1.8,
    "hatch.linewidth": 0.7,
    "date.converter": "concise",
}


@dataclass(frozen=True)
class Figure:
    """A drawn figure: PNG bytes and the alt text that says what it shows.

    Notebooks get an `<img alt>` of their own making, because nbconvert's template drops the alt text of image outputs.
    """

    png: bytes
    alt: str

    def _repr_html_(self) -> str:
        data = base64.b64encode(self.png).decode("ascii")
        return (
            f'<img alt="{html.escape(self.alt)}" width="{SCREEN_WIDTH}" style="max-width:100%" '
            f'src="data:image/png;base64,{data}">'
        )

    def __repr__(self) -> str:
        return f"Figure: {self.alt}"

    def save(self, path: Path | str) -> Path:
        """Write the PNG; returns its path."""
        target = Path(path)
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(self.png)
        return target


@contextmanager
def canvas(height: float = 3.6, rows: int = 1, columns: int = 1, **options: Any) -> Iterator[tuple[Canvas, Any]]:
    """An empty figure of the house style, `height` inches high, and its axes; the style ends with the block."""
    with matplotlib.rc_context(RC):
        figure = Canvas(figsize=(WIDTH, height), dpi=DPI, layout="constrained", facecolor="white")
        yield figure, figure.subplots(rows, columns, **options)


def render(figure: Canvas, title: str, finding: str, detail: str = "") -> Figure:
    """Put title and finding above the axes and render. The alt text is title, finding and `detail`, as sentences."""
    lines = _lines(finding.replace(" %", "\u00a0%"))
    height = figure.get_figheight()
    head = 0.36 + INCHES_PER_LINE * len(lines)
    figure.get_layout_engine().set(rect=(0.005, 0.01, 0.985, 1 - head / height - 0.01))
    figure.text(0.012, 1 - 0.09 / height, title, va="top", fontsize=12, fontweight="bold")
    figure.text(0.012, 1 - 0.32 / height, "\n".join(lines), va="top", color=MUTED, linespacing=1.25)
    return Figure(_png(figure), f"{title}. {finding} {detail}".strip())


def _lines(text: str) -> list[str]:
    """The text in as few lines as it takes, without an orphan of a word or two in the last."""
    lines = textwrap.wrap(text, LINE_OF_TEXT)
    narrower = textwrap.wrap(text, LINE_OF_TEXT - 16)
    return narrower if len(lines[-1]) < 18 and len(narrower) == len(lines) else lines


def _png(figure: Canvas) -> bytes:
    """The same bytes for the same drawing: no date and no software version; 256 colours keep it small in a notebook."""
    agg = FigureCanvasAgg(figure)
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        agg.draw()
    _tell_missing_glyphs([str(each.message) for each in told])
    image = Image.fromarray(np.asarray(agg.buffer_rgba())).convert("RGB").quantize(256, dither=Image.Dither.NONE)
    buffer = io.BytesIO()
    image.save(buffer, "PNG", optimize=True)
    return buffer.getvalue()


def _tell_missing_glyphs(warned: list[str]) -> None:
    """Of all letters that no font has in one warning, and not in one each; what else was warned of as it is."""
    missing = {chr(int(found[1])): None for each in warned if (found := NO_GLYPH.match(each))}
    others = dict.fromkeys(each for each in warned if not NO_GLYPH.match(each))
    if missing:
        letters = " ".join([*list(missing)[:5], *(["..."] if len(missing) > 5 else [])])
        others[f"boxes stand for {letters}, which no font here has: install one, such as Noto Sans CJK"] = None
    for message in others:
        warnings.warn(message, stacklevel=2)


def needs(frame: pd.DataFrame, figure: str, *columns: str) -> pd.DataFrame:
    """The frame itself. Raises DataError, naming the figure, when it is empty or lacks one of the columns."""
    missing = [column for column in columns if column not in frame.columns]
    if missing:
        raise DataError(f"{figure}: no column {', '.join(missing)}; the table has {', '.join(map(str, frame.columns))}")
    if frame.empty:
        raise DataError(f"{figure}: the table is empty, there is nothing to draw; check the step that made it")
    return frame


def numbers(values: Any, figure: str) -> np.ndarray:
    """`values` as a float array. Raises DataError when it is empty or holds something that is not a finite number."""
    array = np.asarray(values, dtype=float).ravel()
    if not array.size:
        raise DataError(f"{figure}: no values, there is nothing to draw; check the step that measured them")
    if not np.isfinite(array).all():
        raise DataError(
            f"{figure}: {int((~np.isfinite(array)).sum()):,} of {array.size:,} values are missing or infinite"
        )
    return array


def share(value: float) -> str:
    """A share between 0 and 1 as a person writes it.

    >>> share(0.614), share(0.0131), share(1.0), share(0.0), share(0.0002)
    ('61 %', '1.3 %', '100 %', '0 %', '<0.1 %')
    """
    if 0 < value < 0.0005:
        return "<0.1 %"
    digits = 1 if 0 < abs(value) < 0.0995 else 0
    return f"{100 * value:.{digits}f} %"


def plain(value: float) -> str:
    """Three significant digits, thousands with commas.

    >>> plain(0.01234), plain(0.15), plain(12.34), plain(1234.4), plain(0.0), plain(0.00001234)
    ('0.0123', '0.150', '12.3', '1,234', '0', '0.0000123')
    """
    if value == 0 or abs(value) >= 99.95:
        return f"{value:,.0f}"
    return f"{Decimal(f'{value:#.3g}'):f}"  # never 1.23e-05


def counted(number: float, noun: str) -> str:
    """A whole number and its noun, in the plural but for 1.

    >>> counted(1, "event"), counted(1200, "event")
    ('1 event', '1,200 events')
    """
    return f"{number:,.0f} {noun}{'' if number == 1 else 's'}"


def short(text: str, most: int) -> str:
    """The text, cut to `most` characters where it is longer.

    >>> short("Wrenfield Wash Bag, Copper", 15)
    'Wrenfield Wash…'
    """
    return text if len(text) <= most else text[: most - 1].rstrip() + "…"


def count_axis(axis: Any) -> None:
    """Ticks with thousands commas, also on a log axis; with decimals only where a tick lies between whole numbers."""
    axis.set_major_formatter(FuncFormatter(lambda value, _: _tick(value)))


def _tick(value: float) -> str:
    """
    >>> _tick(12500), _tick(2.5), _tick(0.05)
    ('12,500', '2.5', '0.05')
    """
    if value < 1:
        return f"{value:g}"
    return f"{value:,.0f}" if abs(value - round(value)) < 0.01 else f"{value:,.1f}"


def log_ticks(axis: Any, low: float, high: float) -> None:
    """Label 1, 2 and 5 of each decade from `low` to `high` in full; of a short range more, of a long one decades."""
    factors = (1, 1.5, 2, 3, 4, 5, 6, 8) if high / low < 8 else (1, 2, 5) if high / low < 200 else (1,)
    ticks = [factor * 10.0**power for power in range(-4, 9) for factor in factors]
    axis.set_ticks([tick for tick in ticks if low <= tick <= high])
    axis.set_minor_formatter("")
    count_axis(axis)


def share_axis(axis: Any) -> None:
    """Ticks of shares between 0 and 1 as per cent."""
    axis.set_major_formatter(PercentFormatter(1.0, decimals=None, symbol=" %"))


def doublings(most: int) -> list[tuple[int, int]]:
    """Classes of the whole numbers from 1 to at least `most`, both ends included: each as wide as all before it.

    >>> doublings(5)
    [(1, 1), (2, 2), (3, 4), (5, 8)]
    """
    ends = [2**power for power in range(max(0, int(most) - 1).bit_length() + 1)]
    return [(1, 1), *((before + 1, end) for before, end in pairwise(ends))]


def fill(place: int) -> dict[str, str]:
    """Colour and hatch of the bars of series number `place`."""
    return {"color": COLOURS[place % 6], "hatch": HATCHES[place % 6], "edgecolor": "white"}


def look(place: int) -> dict[str, Any]:
    """Colour, marker and dash of the line of series number `place`."""
    return {"color": COLOURS[place % 6], "marker": MARKERS[place % 6], "linestyle": DASHES[place % 6]}


def beside(axes: Axes, text: str, x: float, y: float, right: float = 6, up: float = 0, **options: Any) -> None:
    """Text next to a point, moved by so many points; to its left for a negative `right`."""
    side = {"ha": "right" if right < 0 else "left", "va": "center", "textcoords": "offset points", **options}
    axes.annotate(text, (x, y), xytext=(right, up), annotation_clip=False, **side)


def words(title: str, finding: str) -> Figure:
    """A figure of nothing but its finding."""
    with canvas(1) as (figure, axes):
        axes.set_axis_off()
        return render(figure, title, finding)


def instead(axes: Axes, text: str) -> None:
    """Say in an empty panel why it is empty."""
    axes.text(0.5, 0.5, text, ha="center", va="center", transform=axes.transAxes)
    axes.axis("off")


def whiskers(frame: pd.DataFrame) -> np.ndarray:
    """Lengths of error bars for columns mean, low, high, shape (2, n_rows); nan (not drawn) without an interval."""
    both = np.vstack([frame["mean"] - frame["low"], frame["high"] - frame["mean"]]).clip(min=0)
    return np.where(both.sum(axis=0) > 0, both, np.nan)


def marked(axes: Axes, marks: dict[str, float]) -> None:
    """Labelled vertical lines; each label is a step lower than that before, and its line ends there: none crosses."""
    for step, (label, value) in enumerate(marks.items()):
        height = 0.97 - 0.115 * step
        axes.axvline(value, ymax=height, color=INK, linewidth=1.2, linestyle=DASHES[step])
        axes.annotate(
            label,
            (value, height),
            xycoords=("data", "axes fraction"),
            xytext=(5, 0),
            textcoords="offset points",
            va="top",
            bbox={"facecolor": "white", "edgecolor": "none", "alpha": 0.85, "pad": 1.5},
        )


def end_labels(axes: Axes, lines: Sequence[tuple[float, float, str]]) -> None:
    """Name lines at their right ends, given as (x, y, label); labels are moved apart, by a line of text at least."""
    low, high = axes.get_ylim()
    gap = (high - low) * 0.17 / (axes.figure.get_figheight() - 1.2)
    places: list[float] = []
    ordered = sorted(lines, key=lambda line: line[1])
    for _, y, _ in ordered:
        places.append(max(y, places[-1] + gap) if places else max(y, low + 0.4 * gap))
    shift = max(0.0, places[-1] - high) if places else 0.0
    for (x, _, label), place in zip(ordered, places, strict=True):
        axes.annotate(
            label, (x, place - shift), xytext=(8, 0), textcoords="offset points", va="center", annotation_clip=False
        )
