"""Column names, event types and units, fixed once.

TIMESTAMP and CREATION_TIMESTAMP are whole seconds since 1970-01-01 UTC (int64). Identifiers are strings. PRICE and
EVENT_VALUE are in the shop's currency. CATEGORY may hold several values separated by `|`. IN_STOCK, which a shop's
own items may have, is `true` or `false` as text.
"""

USER_ID = "USER_ID"
ITEM_ID = "ITEM_ID"
ACTION_ID = "ACTION_ID"
TIMESTAMP = "TIMESTAMP"
EVENT_TYPE = "EVENT_TYPE"
EVENT_VALUE = "EVENT_VALUE"
SESSION_ID = "SESSION_ID"

CATEGORY = "CATEGORY"
PRICE = "PRICE"
CREATION_TIMESTAMP = "CREATION_TIMESTAMP"
TITLE = "TITLE"
IN_STOCK = "IN_STOCK"

COUNTRY = "COUNTRY"

INTERACTION_COLUMNS = (USER_ID, ITEM_ID, TIMESTAMP, EVENT_TYPE, EVENT_VALUE)
ITEM_COLUMNS = (ITEM_ID, CATEGORY, PRICE, CREATION_TIMESTAMP, TITLE)
USER_COLUMNS = (USER_ID, COUNTRY)

CATEGORICAL, NUMERIC = "categorical", "numeric"  # kinds of further metadata of items and users
UNKNOWN = "unknown"  # the category, or country, where none is told

VIEW = "view"
PURCHASE = "purchase"
