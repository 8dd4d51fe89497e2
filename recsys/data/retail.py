"""Online Retail (Daqing Chen, 2015): a UK web shop's invoice lines, 2010-12-01 to 2011-12-09, dirt included.

It goes round as xlsx, CSV and Parquet, each with its own idea of ids, dates and spaces. `verify` therefore compares
the *content*, in a form that survives all three.
"""

import hashlib
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import pandas as pd

from recsys.columns import (
    COUNTRY,
    EVENT_TYPE,
    EVENT_VALUE,
    ITEM_ID,
    PRICE,
    PURCHASE,
    TIMESTAMP,
    TITLE,
    USER_ID,
)
from recsys.data import files, tables
from recsys.data.clean import Rule
from recsys.data.timestamps import epoch_seconds
from recsys.errors import DataError

COLUMNS = ("InvoiceNo", "StockCode", "Description", "Quantity", "InvoiceDate", "UnitPrice", "CustomerID", "Country")
DATE_FORMATS = ("%m/%d/%Y %H:%M", "%m/%d/%y %H:%M")  # as in the CSV copies that were saved from Excel
ROWS_AT_A_TIME = 100_000
INVOICE, QUANTITY = "INVOICE", "QUANTITY"


@dataclass(frozen=True)
class Content:
    """How many rows, and the digest of every column's values and of whole rows, whatever their order."""

    rows: int
    digests: dict[str, str]


PUBLISHED = Content(
    rows=541_909,
    digests={
        "InvoiceNo": "857c6478ac476ffb2740b9e4e066415b062dd4549cfe226c1045e1d175ad8c52",
        "StockCode": "5da04599b2725e9e6550252dd98e5555f7564b11cd132fefaa5b8469cafd8b9a",
        "Description": "90560800227202d372957645ca0398b75f1b8df6a8d83f32c51d1f4e41592715",
        "Quantity": "40bb44be0ab2f82db8cfc07b63f851947a9bf792b12d578b31432665faf3173f",
        "InvoiceDate": "0022aa5a209a48f3a9bedc921b10a6181e2351f2aeb33154888fa75acf948864",
        "UnitPrice": "ad37122fbc7df69d6cf30b205bfefadb4d99811c85bae9109c8ae26fb203d019",
        "CustomerID": "c5c8e243b7f81cd35b965b4826f5c02d1df8689c5678e41e68fcb7e25902e651",
        "Country": "4d73bd00b426d3343084f3736164d183e8252d7e94189befee7b9baa1a7097c8",
        "rows": "4d8c80ad29313e98403f7bda7db15a53153f91e45a47e34c11db9ea817af0b0e",
    },
)


def read(path: Path, report: Callable[[str], None] = lambda line: None) -> pd.DataFrame:
    """The eight columns as they are, from a .xlsx, .csv, .parquet, or a .zip that holds one of them.

    `report` hears a line now and then while Excel's rows come in. Raises DataError when the file cannot be read or
    lacks a column.
    """
    path = Path(path)
    files.require_file(path)
    kind = path.suffix.lower()
    if kind == ".zip":
        return _read_zip(path, report)
    if kind == ".xlsx":
        frame = _read_xlsx(path, report)
    else:
        frame = files.read(path, _encoding(path)) if kind == ".csv" else files.read(path)
    return files.rename(frame, {column: column for column in COLUMNS}, path, "this is not Online Retail")


def typed(raw: pd.DataFrame, where: Path) -> pd.DataFrame:
    """The same rows with one type per column: text `str`, Quantity int64, UnitPrice float64, InvoiceDate datetime64.

    Raises DataError when a value cannot be what its column is.
    """
    return pd.DataFrame(
        {
            "InvoiceNo": files.ids_as_text(raw["InvoiceNo"]),
            "StockCode": files.ids_as_text(raw["StockCode"]),
            "Description": raw["Description"].astype("str").where(raw["Description"].notna()),
            "Quantity": files.numbers(raw["Quantity"], f"{where}: Quantity").fillna(0).astype("int64"),
            "InvoiceDate": _dates(raw["InvoiceDate"], where),
            "UnitPrice": files.numbers(raw["UnitPrice"], f"{where}: UnitPrice").fillna(0),
            "CustomerID": files.ids_as_text(raw["CustomerID"]),
            "Country": raw["Country"].astype("str"),
        }
    )


def content(frame: pd.DataFrame) -> Content:
    """What `frame`, as `typed` gives it, holds; the same for every form and order of the same rows."""
    seconds = epoch_seconds(frame["InvoiceDate"], "InvoiceDate")[0]
    plain = {
        "InvoiceNo": frame["InvoiceNo"],
        "StockCode": frame["StockCode"],
        "Description": _letters(frame["Description"]),  # spaces, the pound sign and quotes do not survive every form
        "Quantity": frame["Quantity"].astype("str"),
        "InvoiceDate": ((seconds + 30) // 60).astype("str"),  # Excel keeps days as a float: the minute survives
        "UnitPrice": (frame["UnitPrice"] * 1000).round().astype("int64").astype("str"),
        "CustomerID": frame["CustomerID"].fillna(""),
        "Country": _letters(frame["Country"]),
    }
    rows = plain["InvoiceNo"].str.cat([plain[column] for column in COLUMNS[1:]], sep="\t")
    return Content(len(frame), {**{name: _digest(values) for name, values in plain.items()}, "rows": _digest(rows)})


def verify(frame: pd.DataFrame, where: Path | str, expected: Content = PUBLISHED) -> None:
    """Raises DataError, saying what differs, unless `frame` holds exactly the published rows."""
    found = content(frame)
    if found.rows != expected.rows:
        raise DataError(
            f"{where}: {found.rows:,} rows, but Online Retail has {expected.rows:,}; it is cut short or another file"
        )
    differing = [name for name, digest in expected.digests.items() if found.digests[name] != digest]
    if differing:
        raise DataError(
            f"{where}: the content differs from Online Retail's in {', '.join(differing)} "
            f"({found.digests[differing[0]][:12]}, expected {expected.digests[differing[0]][:12]}); fetch it anew"
        )


def events(frame: pd.DataFrame) -> pd.DataFrame:
    """Invoice lines, as `typed` gives them, as purchases: EVENT_VALUE is the line's total in GBP. Nothing is removed.

    Adds TITLE, PRICE and COUNTRY, and INVOICE and QUANTITY for the rules. Times are the shop's own, taken as UTC.
    """
    return pd.DataFrame(
        {
            USER_ID: frame["CustomerID"],
            ITEM_ID: frame["StockCode"].str.upper(),
            TIMESTAMP: epoch_seconds(frame["InvoiceDate"], "InvoiceDate")[0],
            EVENT_TYPE: PURCHASE,
            EVENT_VALUE: (frame["Quantity"] * frame["UnitPrice"]).round(2),
            TITLE: tables.one_line(frame["Description"]).where(frame["Description"].notna()),
            PRICE: frame["UnitPrice"],
            COUNTRY: frame["Country"],
            INVOICE: frame["InvoiceNo"],
            QUANTITY: frame["Quantity"],
        }
    )


def rules() -> list[Rule]:
    """What an invoice line can be that is no purchase of a product."""
    shown = (INVOICE, ITEM_ID)
    return [
        Rule("cancelled invoice", lambda lines: lines[INVOICE].str.startswith("C"), (INVOICE, ITEM_ID, QUANTITY)),
        Rule("quantity not above 0", lambda lines: lines[QUANTITY] <= 0, (*shown, QUANTITY)),
        Rule("price not above 0", lambda lines: lines[PRICE] <= 0, (*shown, PRICE)),
        Rule("stock code of no product", lambda lines: ~lines[ITEM_ID].str.match(r"\d{5}"), (ITEM_ID, TITLE)),
        Rule("no description", lambda lines: lines[TITLE].isna(), shown, "kept"),
    ]


def _read_zip(path: Path, report: Callable[[str], None]) -> pd.DataFrame:
    try:
        with zipfile.ZipFile(path) as archive, TemporaryDirectory() as folder:
            inside = [name for name in archive.namelist() if Path(name).suffix.lower() in (".xlsx", ".csv", ".parquet")]
            if not inside:
                raise DataError(
                    f"{path}: holds no .xlsx, .csv or .parquet, only {', '.join(archive.namelist()) or 'nothing'}"
                )
            unpacked = Path(folder) / f"online-retail{Path(inside[0]).suffix.lower()}"
            with archive.open(inside[0]) as source, unpacked.open("wb") as target:
                while block := source.read(1 << 20):
                    target.write(block)
            return read(unpacked, report)
    except (zipfile.BadZipFile, EOFError) as error:
        raise DataError(f"{path}: not a whole zip file ({error}); fetch it anew") from None


def _read_xlsx(path: Path, report: Callable[[str], None]) -> pd.DataFrame:
    """The first sheet, a slice at a time: half a million rows of Python objects at once would take gigabytes."""
    from openpyxl import load_workbook

    try:
        book = load_workbook(path, read_only=True, data_only=True)
    except (zipfile.BadZipFile, KeyError, OSError, ValueError) as error:
        raise DataError(f"{path}: not readable as an Excel file: {' '.join(str(error).split())}") from None
    try:
        lines = book.worksheets[0].iter_rows(values_only=True)
        header = [str(name) for name in next(lines, ())]
        parts, part = [], []
        for line in lines:
            part.append(line)
            if len(part) == ROWS_AT_A_TIME:
                parts.append(_slice(part, header))
                part = []
                report(f"  {len(parts) * ROWS_AT_A_TIME:,} rows read")
        parts.append(_slice(part, header))
    finally:
        book.close()
    return pd.concat(parts, ignore_index=True)


def _slice(rows: list[tuple], header: list[str]) -> pd.DataFrame:
    """A frame whose mixed columns (stock codes are numbers or text in Excel) are text."""
    frame = pd.DataFrame(rows, columns=header)
    for column in frame.columns:
        if column in ("InvoiceNo", "StockCode", "Description", "Country"):
            frame[column] = frame[column].astype("str").where(frame[column].notna())
        elif column == "CustomerID":
            frame[column] = frame[column].astype("float64")
    return frame


def _encoding(path: Path) -> str:
    """UTF-8 or, failing that, cp1252, in which copies saved by Excel come; a wrong guess cannot pass `verify`."""
    try:
        return files.check_encoding(path, "utf-8")
    except DataError:
        return "cp1252"


def _dates(values: pd.Series, where: Path) -> pd.Series:
    if pd.api.types.is_datetime64_any_dtype(values.dtype):
        return values
    for form in DATE_FORMATS:
        dates = pd.to_datetime(values, format=form, errors="coerce")
        if dates.notna().all():
            return dates
    dates = pd.to_datetime(values, format="ISO8601", errors="coerce")
    if dates.isna().any():
        raise DataError(f"{where}: InvoiceDate {values[dates.isna()].iloc[0]!r} is not a date; fetch the file anew")
    return dates


def _letters(text: pd.Series) -> pd.Series:
    return text.fillna("").str.upper().str.replace(r"[^0-9A-Z]", "", regex=True)


def _digest(values: pd.Series) -> str:
    return hashlib.sha256("\n".join(sorted(values.tolist())).encode()).hexdigest()
