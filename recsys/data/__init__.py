"""From raw interactions to the three tables of Amazon Personalize.

preparation  load a source, clean it, check it
tables       write and read the three tables
generate     the sample shop and its ground truth
fetch        public data sets
"""

from recsys.data import checks, tables
from recsys.data.preparation import PREPARE_ARGUMENTS, Prepared, prepare
from recsys.data.sessions import session_statistics, sessionise
from recsys.data.shop import Shop
from recsys.data.split import days_after, split_by_time

__all__ = [
    "PREPARE_ARGUMENTS",
    "Prepared",
    "Shop",
    "checks",
    "days_after",
    "prepare",
    "session_statistics",
    "sessionise",
    "split_by_time",
    "tables",
]
