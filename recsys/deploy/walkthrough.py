"""What a walk through the notebooks costs beyond the environment they build."""

from recsys.deploy.costs import endpoint, job, retraining, training
from recsys.deploy.demand import Demand, Line
from recsys.deploy.prices import Prices
from recsys.params import Params

JOB_SECONDS = 300  # billed of a small job, the start of its machine included
EXPERIMENT_HOURS = 1.0  # that notebook 09's second campaign stands


def walkthrough(values: Params, demand: Demand, prices: Prices) -> list[Line]:
    """A line for each thing: our own model's jobs and endpoint, a retraining, the campaign of an experiment.

    USD once or an hour, as `costs.Line` has it. An instance without a known price counts nothing, and its line says so.
    """
    chosen = values.sagemaker
    compared = training(demand.interactions, prices)
    compared += EXPERIMENT_HOURS * values.serving.min_provisioned_tps * prices.personalize.tps_hour
    return [
        _job("our own training", "training_instance", chosen.training_instance, prices),
        _job("batch transform", "endpoint_instance", chosen.endpoint_instance, prices),
        _endpoint(chosen.endpoint_instance, chosen.endpoint_instances, prices),
        Line("retraining, notebook 08", "once", once=retraining(demand, prices)),
        Line("experiment, notebook 09", "a campaign for an hour", once=compared),
    ]


def _job(what: str, name: str, instance: str, prices: Prices) -> Line:
    if instance not in prices.sagemaker.instance_hour:
        return _unknown(what, name, instance)
    return Line(what, f"{JOB_SECONDS / 60:g} minutes of {instance}", once=job(instance, JOB_SECONDS, prices))


def _endpoint(instance: str, instances: int, prices: Prices) -> Line:
    if instance not in prices.sagemaker.instance_hour:
        return _unknown("endpoint", "endpoint_instance", instance)
    return endpoint(instance, instances, prices)


def _unknown(what: str, name: str, instance: str) -> Line:
    return Line(what, f"no price of {instance} is known", unpriced=f"sagemaker.{name}={instance}")
