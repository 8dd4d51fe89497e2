"""A few real-looking lines of Online Retail, with every kind of dirt the whole file has."""

import pandas as pd
import pytest


@pytest.fixture
def lines() -> pd.DataFrame:
    """1,215 invoice lines: 1,200 good ones of 30 customers, then the dirt, in the file's own columns."""
    good = [
        (
            str(536_000 + row // 4),
            f"{22_000 + (row * 7) % 40}" + ("A" if row % 5 == 0 else ""),
            " RED  LUNCH BOX ",
            1 + row % 6,
            f"2011-03-{1 + row // 60:02d} {8 + row % 9:02d}:{row % 60:02d}:00",
            1.25 + (row % 7) / 4,
            12_346.0 + row % 30,
            "United Kingdom",
        )
        for row in range(1_200)
    ]
    when = "2011-05-02 10:00:00"
    dirt = [
        ("C540001", "22001", "RED LUNCH BOX", -2, when, 1.25, 12_346.0, "United Kingdom"),
        ("C540002", "D", "Discount", -1, when, 27.5, 12_347.0, "United Kingdom"),
        ("540003", "22002", None, 5, when, 0.0, None, "United Kingdom"),
        ("540004", "22003", "lost in space", -7, when, 0.0, None, "United Kingdom"),
        ("540005", "22004", 'SIGN "D" £5', 3, when, 2.5, None, "EIRE"),
        ("540006", "POST", "POSTAGE", 1, when, 18.0, 12_348.0, "France"),
        ("540007", "22005", "FREE GIFT", 1, when, 0.0, 12_348.0, "France"),
        ("A540008", "B", "Adjust bad debt", 1, when, -11_062.06, None, "United Kingdom"),
        ("540009", "22006", "TEA CUP", 6, when, 2.1, 12_349.0, "Germany"),
        ("540009", "22006", "TEA CUP", 6, when, 2.1, 12_349.0, "Germany"),
        ("540009", "22006", "TEA CUP", 2, when, 2.1, 12_349.0, "Germany"),
        ("540010", "85123a", "HEART T-LIGHT HOLDER", 1, when, 2.95, 12_350.0, "Norway"),
        ("540011", "85123A", "HEART T-LIGHT HOLDER", 1, when, 2.95, 12_351.0, "Norway"),
        ("540011", "20713", "20713", 1, when, 0.001, 12_351.0, "Norway"),
        ("540012", "gift_0001_20", "Dotcomgiftshop Gift Voucher £20.00", 1, when, 16.67, None, "United Kingdom"),
    ]
    columns = ["InvoiceNo", "StockCode", "Description", "Quantity", "InvoiceDate", "UnitPrice", "CustomerID", "Country"]
    return pd.DataFrame(good + dirt, columns=columns)
