"""What stands on AWS: deploy it, price it, remove it."""

from collections.abc import Mapping
from typing import Annotated

import typer

from recsys import params as parameters
from recsys.cli.connection import connect, place
from recsys.cli.options import AsJson, Given, MaxUsd, ParamsFile, Settings, assigned
from recsys.cli.output import console, line, print_rows
from recsys.errors import ParamsError, RecsysError
from recsys.params import Params

EXPECTED = "NAME=VALUE, such as ShardCount=2"

app = typer.Typer()


@app.command(epilog="Example: recsys deploy ShardCount=2 TrackingId=0a1b2c3d --yes")
def deploy(
    given: Given = None,
    params: ParamsFile = parameters.DEFAULT_FILE,
    settings: Settings = None,
    yes: Annotated[bool, typer.Option(help="Do not ask before creating what AWS bills.")] = False,
    max_usd: MaxUsd = None,
    json: AsJson = False,
) -> None:
    """Create the stack or bring it to these parameters, without notebooks; what is not named stays as it is."""
    from recsys import deploy
    from recsys.cli.estimates import confirm_costs, expected_costs, given_earlier
    from recsys.deploy import template

    values, _ = parameters.load(params, settings=settings)
    named = assigned(given, EXPECTED)
    if "EnvironmentSuffix" in named:
        raise RecsysError("EnvironmentSuffix names the stack too: --set aws.environment_suffix=...")
    template.check(named)
    new = {**template.defaults(), **{name: str(value) for name, value in deploy.name_parameters(values).items()}}
    asked = {**new, **named}
    sized = _sized(params, settings, asked)
    if not values.aws.endpoint:  # what is too dear by itself is refused before AWS is asked for what stands
        expected_costs(sized, max_usd, asked, notebooks=False)
    connect(values)
    standing = given_earlier(values)
    kept = {**new, **standing, **named}
    confirm_costs(_sized(params, settings, kept), yes, max_usd, kept, notebooks=False)
    own = {} if standing else deploy.name_parameters(values)
    wanted = {"EnvironmentSuffix": values.aws.environment_suffix, **own, **named}
    outputs = deploy.deploy(values.stack_name, wanted, values.tags("by-hand"), on_event=None if json else line)
    print_rows([{"output": name, "value": value} for name, value in outputs.items()], json)


def _sized(params: str, settings: list[str] | None, given: Mapping[str, str]) -> Params:
    """The params, but for sizes that the template's parameters give; a refusal names those as they were given."""
    from recsys.deploy.options import SIZES, sizes

    try:
        return parameters.load(params, settings=[*(settings or []), *sizes(given)])[0]
    except ParamsError as error:
        refusal = str(error)
        for name in SIZES.keys() & given:
            refusal = refusal.replace(f"--set: {SIZES[name]}", name)
        raise ParamsError(refusal) from None


@app.command(epilog="Example: recsys package --bucket my-code")
def package(bucket: Annotated[str, typer.Option(help="Bucket that the Lambda zips are put into.")]) -> None:
    """Put the Lambda zips into a bucket and print the template's parameters that name it and them, one a line.

    For deployments without params files: account, region and endpoint are those of the environment, as for the AWS CLI.
    """
    from recsys.deploy.package import publish

    for name, value in {"CodeBucket": bucket, **publish(bucket)}.items():
        typer.echo(f"{name}={value}")


@app.command(epilog="Example: recsys template ApiKeyRequired=true > recsys.yaml")
def template(
    given: Given = None,
) -> None:
    """Print the template for these parameters, for deployments by other tools.

    An API's deployment is a snapshot: here its name follows what is in it, so that a changed API is deployed anew.
    """
    from recsys.deploy.template import body, check

    values = assigned(given, EXPECTED)
    check(values)
    typer.echo(body(values), nl=False)


@app.command(epilog="Example: recsys destroy --yes")
def destroy(
    params: ParamsFile = parameters.DEFAULT_FILE,
    settings: Settings = None,
    yes: Annotated[bool, typer.Option(help="Do not ask.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Print what would be removed; remove nothing.")] = False,
) -> None:
    """Remove everything of this environment, in dependency order, and prove that nothing is left."""
    from recsys import aws
    from recsys.deploy import cleanup
    from recsys.sagemaker import images

    values, _ = parameters.load(params, settings=settings)
    connect(values)
    names = {"group_name": values.named(values.dataset.dataset_group), "stack_name": values.stack_name}
    names["stage"] = values.aws.environment_suffix
    standing = cleanup.find(**names)
    if not standing:
        console.print(f"nothing is left to destroy {place(values)}", soft_wrap=True)
        return
    for resource in standing:
        console.print(f"  {resource}")
    if dry_run:
        return
    if not yes:
        typer.confirm(f"Destroy these {len(standing)} {place(values)}?", abort=True)
    left = cleanup.destroy(**names, report=line)
    if left:
        raise RecsysError(f"{len(left)} resources are left: {', '.join(map(str, left))}; run the command again")
    console.print(
        f"nothing is left: each of the {len(standing)} was asked for, and nothing carries the tags of this stage"
    )
    if not values.aws.endpoint:
        console.print(
            "The image that you pushed for SageMaker stays, as every environment uses it; to remove it, too:\n"
            f"  aws ecr delete-repository --force --region {aws.region()} --repository-name {images.REPOSITORY}",
            soft_wrap=True,
        )


@app.command(epilog="Example: recsys cost CacheClusterSize=0.5 --requests 10000000 --max-usd 50")
def cost(
    given: Given = None,
    params: ParamsFile = parameters.DEFAULT_FILE,
    settings: Settings = None,
    requests: Annotated[int, typer.Option(min=0, help="Requests to the API a month.")] = 1_000_000,
    events: Annotated[int, typer.Option(min=0, help="Events a month.")] = 1_000_000,
    users: Annotated[int, typer.Option(min=0, help="Users with a profile.")] = 10_000,
    interactions: Annotated[
        int | None, typer.Option(min=1, help="Interactions trained on; if none, as many as the data file has.")
    ] = None,
    trainings: Annotated[float, typer.Option(min=0, help="Further trainings a month, 4.3 for weekly.")] = 0.0,
    vpc_zones: Annotated[
        int, typer.Option(min=0, help="Zones of a VPC that gets private ways (recsys/infra/endpoints.yaml).")
    ] = 0,
    prices: Annotated[str | None, typer.Option(help="YAML file with your own prices over AWS's.")] = None,
    standing: Annotated[bool, typer.Option("--standing", help="What stands now, and its cost so far.")] = False,
    max_usd: MaxUsd = None,
    json: AsJson = False,
) -> None:
    """What the environment costs on AWS: before it is created, or with --standing what it has cost so far."""
    from recsys.cli import estimates
    from recsys.deploy import bill
    from recsys.deploy import prices as price_list
    from recsys.deploy.demand import Demand
    from recsys.deploy.template import check

    named = assigned(given, EXPECTED)
    check(named)
    values = _sized(params, settings, named)
    asked = price_list.load(prices)
    if standing:
        from recsys.deploy.standing import billed_now

        connect(values)
        group, stage = values.named(values.dataset.dataset_group), values.aws.environment_suffix
        found = billed_now(group, values.stack_name, asked, stage=stage)
        rows, said = bill.so_far(found), [f"{each.resource}: {note}" for each in found for note in each.notes]
        said += [] if found else [f"nothing stands that is billed by the hour {place(values)}"]
    else:
        trained_on = interactions or estimates.count_interactions(values)
        demand = Demand(trained_on, users, requests, events, trainings, named, vpc_zones)
        lines, said = estimates.estimate(values, demand, asked, max_usd)
        rows = bill.estimated(lines)
    if rows or json:
        print_rows(rows if json else bill.written(rows), json)
    for sentence in () if json else said:
        console.print(sentence)
