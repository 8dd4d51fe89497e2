"""Recommenders: a domain's use case, trained and deployed in one; they can be stopped, started and updated."""

import time
from typing import TYPE_CHECKING

from recsys.local.personalize import recipes
from recsys.local.personalize.control.kinds.campaigns import check_exploration, deploy
from recsys.local.personalize.control.kinds.configs import check_columns, check_datasets
from recsys.local.personalize.control.kinds.datasets import group_fields
from recsys.local.personalize.control.kinds.rule import Document, Rule
from recsys.local.personalize.control.kinds.turns import after_deletion, being_deleted_from
from recsys.local.personalize.control.resources import START, STEP, STOP, Course
from recsys.local.personalize.control.training import forget_training, training_spec
from recsys.local.personalize.errors import in_use
from recsys.local.shared.store import Resource

if TYPE_CHECKING:
    from recsys.local.personalize.control.control import Control

UPDATE = "latestRecommenderUpdate"
RENEWAL = "_renewal"  # epoch seconds of the next automatic training
DAYS = 7  # between two of them


def _prepare(control: "Control", document: Document, parents: list[Resource]) -> dict[str, str]:
    (group,) = parents
    recipe = recipes.of_domain(document["recipeArn"], group.document.get("domain"))
    config = document.setdefault("recommenderConfig", {})
    config.setdefault("minRecommendationRequestsPerSecond", 1)
    check_datasets(recipe, group_fields(control, group.arn))
    _check_config(control, group.arn, config)
    document[RENEWAL] = control.clock.after(DAYS)
    return {}


def _check_config(control: "Control", group: str, config: Document) -> None:
    check_exploration(config.get("itemExplorationConfig", {}))
    check_columns(config, group_fields(control, group))


def _work(control: "Control", recommender: Resource) -> None:
    """What its status asks for: train and deploy, deploy again, or stop."""
    if recommender.status == STOP.in_progress:
        control.tell("stopped", recommender)
        control.settle(recommender.arn, lambda: control.finish(recommender.arn, {}))
    elif recommender.status == START.in_progress:
        deploy(control, recommender)
    else:
        _train(control, recommender, recommender.document)


def _train(control: "Control", recommender: Resource, asked: Document) -> None:
    """Train by the configuration of `asked`, the recommender's document or its update, then deploy what came out."""
    attempt = recommender.document["_trainings"] = recommender.document.get("_trainings", 0) + 1
    with control.store.transaction():
        control.store.save(recommender)
    control.tell("training", recommender)
    spec = training_spec(control, recommender, attempt) | {"config": asked["recommenderConfig"]}
    updating = asked is not recommender.document
    control.run_job(recommender.arn, "train", spec, lambda result: _trained(control, recommender.arn, updating, result))


def _trained(control: "Control", arn: str, updating: bool, result: Document) -> None:
    recommender = control.store.get(arn)
    if recommender is None:
        return
    if "failureReason" in result:
        control.finish_update(arn, result["failureReason"]) if updating else control.finish(arn, result)
        return
    trained = recommender.document[UPDATE] if updating else recommender.document
    trained.update({name: result[name] for name in ("_folder", "_metrics")})
    with control.store.transaction():
        control.store.save(recommender)
    deploy(control, recommender)


def _change(control: "Control", recommender: Resource, params: Document) -> Document:
    """UpdateRecommender: what is not named stays; other columns to train on need a training."""
    config = recommender.document["recommenderConfig"] | params["recommenderConfig"]
    _check_config(control, recommender.document["datasetGroupArn"], config)
    return {"recommenderConfig": config}


def _update(control: "Control", recommender: Resource) -> None:
    before, after = recommender.document["recommenderConfig"], recommender.document[UPDATE]["recommenderConfig"]
    renewal = RENEWAL in recommender.document[UPDATE]
    if before.get("trainingDataConfig") == after.get("trainingDataConfig") and not renewal:
        deploy(control, recommender)
    elif being_deleted_from(control, recommender.document["datasetGroupArn"]):
        control.actor.later(lambda: control.begin_update(recommender.arn), STEP)
    else:
        _train(control, recommender, recommender.document[UPDATE])


def _changed(control: "Control", recommender: Resource, change: Document) -> None:
    recommender.document.update(change)
    forget_training(control, recommender, keep=recommender.document["_folder"])


def _erased(control: "Control", recommender: Resource) -> None:
    control.jobs.stop(recommender.arn)  # it may be training for an update
    forget_training(control, recommender)


def renew(control: "Control") -> None:
    """Train anew what is due, every seven days; the old model serves meanwhile. [AWS shows no update; here it does.]"""
    for recommender in control.store.find("Recommender", status="ACTIVE"):
        if recommender.document[RENEWAL] <= time.time() and not control.updating(recommender):
            due = {RENEWAL: control.clock.after(DAYS)}
            recommender.document.update(due)  # at once: a training that fails is not tried again before
            with control.store.transaction():
                control.start_update(
                    recommender, {"recommenderConfig": recommender.document["recommenderConfig"], **due}
                )


def _described(control: "Control", recommender: Resource) -> Document:
    metrics = recommender.document.get("_metrics")
    return recommender.document | ({"modelMetrics": metrics} if metrics else {})


def start_recommender(control: "Control", params: Document) -> Document:
    """StartRecommender. Raises ResourceInUseException unless it is INACTIVE."""
    return _set_out(control, params["recommenderArn"], "INACTIVE", START)


def stop_recommender(control: "Control", params: Document) -> Document:
    """StopRecommender. Raises ResourceInUseException unless it is ACTIVE."""
    return _set_out(control, params["recommenderArn"], "ACTIVE", STOP)


def _set_out(control: "Control", arn: str, wanted: str, course: Course) -> Document:
    recommender = control.resource(arn, "Recommender")
    if recommender.status != wanted or control.updating(recommender):
        raise in_use(f"{arn} is in status {recommender.status}; it must be {wanted} and not being updated")
    control.start(recommender, course)
    return {"recommenderArn": arn}


RULES = {
    "Recommender": Rule(
        prepare=_prepare,
        waits=after_deletion,
        work=_work,
        described=_described,
        erased=_erased,
        change=_change,
        update=_update,
        changed=_changed,
    )
}
