"""What stream and profiles cost, in each of the two ways in which AWS bills them."""

from recsys.deploy.demand import BATCHES, HOURS, Demand, Line, used
from recsys.deploy.prices import Prices
from recsys.params import Params

RECORD_GB = 1e-6  # of an event in a stream: billed, and kept here, by whole kilobytes
DAY, WEEK = 24, 168  # hours for which events are kept without a charge, and for which they are by shards
BATCH_GB_SECONDS = 0.5 * 0.4  # of a batch of events: 512 MB for 400 ms
PROFILE_GB = 3e-6
PROFILE_UNITS, BATCH_UNITS = 3, 4  # write units of a profile with its last 25 events, and with its recommendations
SCAN_UNITS = 0.5  # read units of a profile that a daily batch's Scan passes
LEAST, MOST, BUSY = 5, 100, 0.7  # units of a provisioned table, and the share of them that its scaling aims at


def ingestion(values: Params, demand: Demand, prices: Prices) -> list[Line]:
    """Stream, processor, and profiles."""
    size, kept = values.stream.batch_size, prices.dynamodb.storage_gb_month + prices.dynamodb.recovery_gb_month
    processed = (prices.lambda_.requests_million / 1e6 + BATCH_GB_SECONDS * prices.lambda_.gb_second) / size
    return [
        _stream(values, demand, prices),
        used("stream processor", f"batches of {size}", demand.events, processed, "events"),
        _provisioned(demand, prices) if is_provisioned(demand) else _on_demand(demand, prices),
        Line("profiles kept", f"{demand.users:,} users", demand=demand.users * PROFILE_GB * kept),
    ]


def is_provisioned(demand: Demand) -> bool:
    """Whether the profiles are billed by the units that stand ready."""
    return demand.chosen("ProfilesBillingMode") == "PROVISIONED"


def _stream(values: Params, demand: Demand, prices: Prices) -> Line:
    shards, hours, price = values.stream.shard_count, values.stream.retention_hours, prices.kinesis
    extended, long_term = max(0, min(hours, WEEK) - DAY) / HOURS, max(0, hours - WEEK) / HOURS  # months
    stored = RECORD_GB * long_term * price.long_term_gb_month
    if demand.chosen("StreamMode") == "ON_DEMAND":
        each = RECORD_GB * (price.in_gb + price.out_gb + extended * price.extended_gb_month) + stored
        return used("Kinesis stream", "on demand", demand.events, each, "events", hour=price.stream_hour)
    hour = shards * (price.shard_hour + (price.extended_shard_hour if extended else 0.0))
    each = price.puts_million / 1e6 + stored
    return used("Kinesis stream", f"{shards} shards", demand.events, each, "events", hour=hour)


def _on_demand(demand: Demand, prices: Prices) -> Line:
    each = (PROFILE_UNITS * prices.dynamodb.writes_million + prices.dynamodb.reads_million) / 1e6
    return used("profiles table", "on demand", demand.events, each, "events")


def _provisioned(demand: Demand, prices: Prices) -> Line:
    """Units for what comes in an hour on average; where it comes in bursts, more stand ready for a while."""
    price = prices.dynamodb
    writes = PROFILE_UNITS * demand.events + BATCH_UNITS * BATCHES * demand.users
    reads = demand.events + SCAN_UNITS * BATCHES * demand.users
    kinds = ((writes, price.write_unit_hour), (reads, price.read_unit_hour))
    return Line(
        "profiles table",
        f"{LEAST} to {MOST} units of each",
        hour=LEAST * (price.write_unit_hour + price.read_unit_hour),
        demand=HOURS * sum((_units(count) - LEAST) * hour for count, hour in kinds),
        per_million=1e6 / BUSY / 3600 * (PROFILE_UNITS * price.write_unit_hour + price.read_unit_hour),
        million="events",
    )


def _units(count: float) -> float:
    """Units that scaling keeps for so many a month."""
    return min(MOST, max(LEAST, count / (3600 * HOURS) / BUSY))
