"""DynamoDB, as fast as a recommender's profiles need it, and with the metrics of its tables.

MiniStack answers right, but copies and measures an item several times a write, parses each PartiQL statement of a batch
twice, letter by letter, and sorts the whole table for each page of a scan. It records no consumed capacity.

items       items copied, measured and projected
partiql     statements read once, and updates that copy what they change
scans       a scan that costs what its page holds
metrics     consumed capacity units
"""

from recsys.local.aws.dynamodb import items, metrics, partiql, scans


def install() -> None:
    """Change how items are copied, read, written, scanned and counted."""
    items.install()
    partiql.install()
    scans.install()  # around the writes of `items`: an order is changed once the item is there
    metrics.install()
