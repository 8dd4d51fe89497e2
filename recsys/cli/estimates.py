"""What a command would create, priced beforehand, and the question whether it may."""

from collections.abc import Mapping
from pathlib import Path

import typer

from recsys import aws, deploy
from recsys.cli.output import console
from recsys.deploy import bill, costs
from recsys.deploy import prices as price_list
from recsys.deploy.demand import Demand, Line
from recsys.deploy.prices import Prices
from recsys.deploy.walkthrough import walkthrough
from recsys.files import parts, resolve
from recsys.params import Params

BLOCK = 2**20  # bytes


def estimate(
    values: Params, demand: Demand, prices: Prices, max_usd: float | None, notebooks: bool = True
) -> tuple[list[Line], list[str]]:
    """The environment's costs line by line, and what to know about them; with what the `notebooks` make beside it.

    Raises RecsysError where the first day costs more than `max_usd`, or what has no known price.
    """
    lines = costs.estimate(values, demand, prices) + (walkthrough(values, demand, prices) if notebooks else [])
    bill.refuse_above(max_usd, lines)
    return lines, bill.sums(lines, prices, demand) + costs.warnings(values, prices, demand)


def expected_costs(
    values: Params, max_usd: float | None, parameters: Mapping[str, str] | None = None, notebooks: bool = True
) -> list[str]:
    """What the first day costs with these parameters of the template, in sentences; raises as `estimate` does."""
    demand = Demand(count_interactions(values), parameters=parameters or {})
    return estimate(values, demand, price_list.load(), max_usd, notebooks)[1]


def given_earlier(values: Params) -> dict[str, str]:
    """The template's parameters as the stack has them; none where there is no stack. Raises AwsError."""
    return deploy.stack.values_of(deploy.describe(values.stack_name))


def confirm_costs(
    values: Params,
    yes: bool,
    max_usd: float | None,
    parameters: Mapping[str, str] | None = None,
    notebooks: bool = True,
) -> None:
    """Show what will be billed, and ask, where AWS itself is meant; raises as `estimate` does.

    Before notebooks run, what the doctor finds missing is shown beside it: it would stop one of them, after hours and
    with campaigns that stand and cost.
    """
    if values.aws.endpoint:
        return
    said = expected_costs(values, max_usd, parameters, notebooks)
    aws.connect(values.aws.region)
    aws.client("sts")  # whoever has no credentials need not be asked
    for sentence in [*said, *(_missing(values) if notebooks else [])]:
        console.print(sentence)
    if not yes:
        typer.confirm("Create this on AWS?", abort=True)


def _missing(values: Params) -> list[str]:
    from recsys import doctor
    from recsys.local.processes import occupant

    found = doctor.examine(values, occupant)
    return [f"recsys doctor: {row['check']}: {row['found']}" for row in found if row["ok"] == "no"]


def count_interactions(values: Params) -> int:
    """Interactions that the params' file has to train on, dirt included; a guess where it is not there."""
    from recsys.data import retail, sources

    chosen = values.data
    if chosen.source == "online-retail":
        return retail.PUBLISHED.rows
    named = (
        Path(chosen.data_file or sources.SAMPLE, "interactions.csv") if chosen.source == "sample" else chosen.data_file
    )
    file = resolve(named) if named else None
    return sum(map(_rows, parts(file))) if file and file.exists() else Demand.interactions


def _rows(file: Path) -> int:
    from recsys.data import files

    if not files.is_parquet(file):
        with files.open_text(file) as rows:
            return max(1, sum(block.count(b"\n") for block in iter(lambda: rows.read(BLOCK), b"")) - 1)
    from pyarrow import ArrowException, parquet

    try:
        return parquet.read_metadata(file).num_rows
    except (ArrowException, OSError):  # the notebook that reads it says what is wrong
        return Demand.interactions
