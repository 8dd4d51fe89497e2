"""Reading a person's own CSV or Parquet file, or a folder of them: encoding, separator, columns, ids.

Nothing is guessed in silence.
"""

import codecs
import csv
import difflib
import gzip
import io
import zlib
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import IO
from urllib.parse import unquote

import pandas as pd

from recsys.errors import DataError
from recsys.files import parts

SEPARATORS = (",", ";", "\t", "|")
BYTE_ORDER_MARKS = (
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
BLOCK = 1 << 20
TEXT, PARQUET, COMPRESSED = (".csv", ".tsv", ".txt"), (".parquet", ".pq"), ".gz"
PARQUET_MARK = b"PAR1"  # Athena's files have no suffix
TEXTS = ("string", "large_string", "string_view")  # Arrow's types of text; Polars has large ones
NO_PARTITION = "__HIVE_DEFAULT_PARTITION__"  # where Hive, Spark and Athena have no value
NO_NUMBERS = ("boolean", "datetime64", "timedelta64")  # which pandas would turn into some
DECIMAL_COMMA = r"[+-]?(?:\d{1,3}(?:\.\d{3})+|\d+)(?:,\d+)?"
SURELY_DECIMAL = r",(?:\d{1,2}|\d{4,})$|\.\d{3},"  # 1,234 might be a thousand
REMEDY = "name yours in data.column_mapping"


def read(path: Path, encoding: str = "utf-8") -> pd.DataFrame:
    """The file's rows; a CSV's values all stay text (`str`), a missing one is NaN, `NA` and `007` are themselves.

    Of a folder, those of all its files, in the order of their names; `day=2024-05-01` in a file's path is a column and
    its value. Of Parquet, a list of texts is text, `a|b`; what else is nested is left out. Raises DataError when the
    file is missing, empty, of another kind, in another encoding, or ragged, and when files of a folder differ in their
    columns, or from what their paths say.
    """
    path = Path(path)
    if not path.is_dir():
        return _read_one(path, encoding)
    frames = {part: _with_partition(_read_one(part, encoding), part, path) for part in parts(path)}
    if not frames:
        raise DataError(f"{path}: a folder without files; give one of .csv or .parquet files")
    first, *others = frames
    for other in others:
        if unlike := sorted({*map(str, frames[first].columns)} ^ {*map(str, frames[other].columns)}):
            raise DataError(f"{first} and {other}: only one has {', '.join(unlike)}; give all files the same columns")
    return pd.concat(frames.values(), ignore_index=True)


def is_parquet(path: Path) -> bool:
    """Whether a file is Parquet, by its suffix or, where it has none, by how it begins."""
    if path.suffix:
        return path.suffix.lower() in PARQUET
    with path.open("rb") as file:
        return file.read(len(PARQUET_MARK)) == PARQUET_MARK


@contextmanager
def open_text(path: Path) -> Iterator[IO[bytes]]:
    """The bytes of a text file, unpacked where it is compressed. Raises DataError where that fails, at any byte."""
    try:
        with gzip.open(path) if path.suffix.lower() == COMPRESSED else path.open("rb") as file:
            yield file
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise DataError(f"{path}: not readable as gzip: {error}") from None


def _read_one(path: Path, encoding: str) -> pd.DataFrame:
    require_file(path)
    if is_parquet(path):
        return _read_parquet(path)
    kind = "".join(path.suffixes[-2:] if path.suffix.lower() == COMPRESSED else path.suffixes[-1:]).lower()
    if kind.removesuffix(COMPRESSED) in TEXT:
        return _read_csv(path, encoding)
    raise DataError(
        f"{path}: {kind or 'a file without suffix'} is not a kind of file read here; give .csv, .csv.gz or .parquet"
    )


def _with_partition(frame: pd.DataFrame, part: Path, folder: Path) -> pd.DataFrame:
    """The rows of a part of a folder with what the path between says of them all, each as `name=value`."""
    said = [map(unquote, each.split("=", 1)) for each in part.relative_to(folder).parts[:-1] if "=" in each]
    for name, value in said:
        column = pd.Series(None if value == NO_PARTITION else value, frame.index, dtype="str")
        if name in frame and not ids_as_text(frame[name]).equals(ids_as_text(column)):
            raise DataError(f"{part}: its column {name} is not what its folder says, {value}; rename one of them")
        frame = frame.assign(**{name: column})
    return frame


def require_file(path: Path) -> None:
    """Raises DataError, naming the likeliest file, when there is no file at `path` or nothing in it."""
    if "s3:" in path.parts:
        there = "/".join(path.parts[path.parts.index("s3:") + 1 :])
        raise DataError(f"s3://{there}: files are read from disk; copy it first: aws s3 cp s3://{there} data/raw/")
    if not path.is_file():
        near = difflib.get_close_matches(path.name, [entry.name for entry in path.parent.glob("*")], n=1)
        hint = (
            f"did you mean {path.with_name(near[0])}?"
            if near
            else "check the path; it is taken from the project's root"
        )
        raise DataError(f"{path}: no such file; {hint}")
    if path.stat().st_size == 0:
        raise DataError(f"{path}: the file is empty; it should hold a header and one line per interaction")


def rename(frame: pd.DataFrame, mapping: Mapping[str, str], where: Path, remedy: str = REMEDY) -> pd.DataFrame:
    """Only the mapped columns, under our names; `mapping` is ours -> theirs.

    Raises DataError with the file, the column, the nearest name there is, and `remedy`, when a column is missing.
    """
    for ours, theirs in mapping.items():
        if theirs not in frame.columns:
            raise no_column(str(where), ours, theirs, frame.columns, remedy)
    return frame[list(mapping.values())].set_axis(list(mapping), axis=1)


def no_column(where: str, ours: str, theirs: str, there: Iterable[str], remedy: str = REMEDY) -> DataError:
    """What to raise where their column for ours is not among those that are there."""
    mapped = f" (mapped to {ours})" if ours != theirs else ""
    return DataError(f"{where}: no column {theirs!r}{mapped}; {nearest(theirs, there)}; {remedy}")


def without_blanks(frame: pd.DataFrame) -> pd.DataFrame:
    """The frame with text of nothing but white space as missing."""
    text = frame.select_dtypes(["object", "str", "category"])
    return frame.assign(**{name: each.mask(each.astype("str").str.strip() == "") for name, each in text.items()})


def nearest(name: str, columns: Iterable[str]) -> str:
    """`did you mean "customer_id"? there are a, b, c`, for a message about a missing column."""
    there = [str(column) for column in columns]
    by_fold = {column.casefold(): column for column in there}
    near = difflib.get_close_matches(name.casefold(), by_fold, n=1, cutoff=0.5)
    hint = f'did you mean "{by_fold[near[0]]}"? ' if near else ""
    return f"{hint}there are {', '.join(there)}"


def ids_as_text(values: pd.Series) -> pd.Series:
    """Identifiers as `str`, trimmed; 17850.0, as a table with gaps writes a whole number, becomes 17850."""
    if pd.api.types.is_float_dtype(values.dtype) and (values.dropna() % 1 == 0).all():
        values = values.astype("Int64")
    missing = values.isna()
    text = values.astype("str").str.strip()
    if text[~missing].str.fullmatch(r"\d+\.0|").all():
        text = text.str.removesuffix(".0")
    return text.mask(missing | (text == "")).astype("str")


def numbers(values: pd.Series, where: str) -> pd.Series:
    """The values as float64, NaN where there is none; `1.234,50` is read where the whole column is so written.

    Raises DataError when a value is no number.
    """
    if pd.api.types.infer_dtype(values) in NO_NUMBERS:
        values = values.astype("str").where(values.notna())
    if has_decimal_commas(values):
        points = values.astype("str").str.replace(".", "", regex=False).str.replace(",", ".", regex=False)
        values = points.where(values.notna())
    read_as = pd.to_numeric(values, errors="coerce").astype("float64")
    given = values.notna() & (values.astype("str").str.strip() != "")
    wrong = given & read_as.isna()
    if wrong.any():
        raise DataError(
            f"{where}: {values[wrong].iloc[0]!r} is not a number ({int(wrong.sum()):,} such); write it like 12.50"
        )
    return read_as


def has_decimal_commas(values: pd.Series) -> bool:
    """Whether all numbers of a column can be read with decimal commas, and one of them in no other way."""
    if (
        pd.api.types.is_numeric_dtype(values.dtype)
        or not (text := values.dropna().astype("str")).str.contains(",").any()
    ):
        return False
    text = text.str.strip()
    return bool(text.str.fullmatch(DECIMAL_COMMA + "|").all() and text.str.contains(SURELY_DECIMAL).any())


def _read_parquet(path: Path) -> pd.DataFrame:
    """Its rows as a CSV has them: names are text, an index that has a name is a column, and a value is no table."""
    from pyarrow import ArrowException, parquet, types

    try:
        schema, frame = parquet.read_schema(path), pd.read_parquet(path)
    except (ArrowException, OSError) as error:
        raise DataError(f"{path}: not readable as Parquet: {' '.join(str(error).split())[:200]}") from None
    named = [name for name in frame.index.names if _is_column(name, frame)]
    frame = frame.reset_index(named).reset_index(drop=True)
    frame = frame.set_axis(frame.columns.map(str), axis=1)
    nested = {each.name: each.type for each in schema if types.is_nested(each.type)}
    lists = [name for name, kind in nested.items() if str(getattr(kind, "value_type", "")) in TEXTS]
    joined = {name: frame[name].map(_joined, na_action="ignore").astype("str") for name in lists}
    return frame.assign(**joined).drop(columns=[*nested.keys() - lists])


def _joined(texts: Iterable[str | None]) -> str | None:
    return "|".join(text for text in texts if text is not None) or None


def _is_column(name: object, frame: pd.DataFrame) -> bool:
    """Whether an index of this name is data; where there is none, Dask calls it `__null_dask_index__`."""
    return name is not None and name not in frame.columns and not str(name).startswith("__")


def _read_csv(path: Path, encoding: str) -> pd.DataFrame:
    encoding = check_encoding(path, encoding)
    separator = _separator(path, encoding)
    try:
        frame = pd.read_csv(
            path, sep=separator, dtype="str", encoding=encoding, skipinitialspace=True,
            keep_default_na=False, na_values=[""], on_bad_lines="error",
        )  # fmt: skip
    except pd.errors.EmptyDataError:
        raise DataError(f"{path}: the file is empty; it should hold a header and one line per interaction") from None
    except (pd.errors.ParserError, ValueError) as error:
        raise DataError(f"{path}: not readable as CSV: {' '.join(str(error).split())}") from None
    if not isinstance(frame.index, pd.RangeIndex):  # pandas takes surplus leading fields for an index, in silence
        raise DataError(f"{path}: its rows have more fields than its header; give every column a name")
    return frame.rename(columns=str.strip)


def _separator(path: Path, encoding: str) -> str:
    """The header's most frequent separator. Raises DataError if a column is there twice, which pandas would rename."""
    with open_text(path) as file:
        first = io.TextIOWrapper(file, encoding, newline="").readline()
    separator = max(SEPARATORS, key=first.count)
    names = [name.strip() for name in next(csv.reader([first], delimiter=separator, skipinitialspace=True), [])]
    twice = [name for name in dict.fromkeys(names) if names.count(name) > 1]
    if twice:
        raise DataError(f"{path}: column {twice[0]!r} is there {names.count(twice[0])} times; rename all but one")
    return separator


def check_encoding(path: Path, encoding: str) -> str:
    """The encoding to read `path` with: the one given, with its byte order mark if there is one.

    Raises DataError with the byte and line where the file stops being text in that encoding, and how to go on.
    """
    try:
        decoder = codecs.getincrementaldecoder(encoding)()
    except LookupError:
        raise DataError(
            f'{path}: "{encoding}" is no text encoding; set data.encoding to utf-8 or cp1252, for example'
        ) from None
    with open_text(path) as file:
        start = file.read(4)
        file.seek(0)
        marked = next((name for mark, name in BYTE_ORDER_MARKS if start.startswith(mark)), None)
        if marked and not encoding.lower().startswith(marked):
            raise DataError(
                f"{path}: the file is {marked}, not {encoding}; set data.encoding to {marked}, or convert it to utf-8"
            )
        place, line = 0, 1
        while block := file.read(BLOCK):
            waiting = len(decoder.getstate()[0])
            try:
                decoder.decode(block)
            except UnicodeDecodeError as error:
                at = place - waiting + error.start
                line += block[: max(at - place, 0)].count(b"\n")
                raise DataError(_wrong_encoding(path, encoding, error.object[error.start], at, line)) from None
            place, line = place + len(block), line + block.count(b"\n")
    is_utf8 = codecs.lookup(encoding).name == "utf-8"
    return "utf-8-sig" if is_utf8 and start.startswith(codecs.BOM_UTF8) else encoding


def _wrong_encoding(path: Path, encoding: str, byte: int, at: int, line: int) -> str:
    return (
        f"{path}: not {encoding} text: byte 0x{byte:02x} at position {at:,} (line {line:,}); "
        f"if it came from Excel or Windows, set data.encoding to cp1252"
    )
