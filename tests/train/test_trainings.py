"""A training is billed: a wait that was cut off goes on with the one that was begun, and pays for no second one."""

import personalize_shop as shops
import pytest

from recsys import aws, train

FIRST, LATER = {"project": "recsys", "run": "first"}, {"project": "recsys", "run": "later"}


@pytest.fixture(scope="module")
def shop(client: shops.Client) -> shops.Shop:
    aws.client.cache_clear()
    return shops.stocked_shop(client)


def solution_of(shop: shops.Shop, recipe: str) -> str:
    return train.ensure_solution(shop.group, shops.unique("solution"), recipe, FIRST)


def test_a_training_under_way_is_gone_on_with(shop: shops.Shop) -> None:
    solution = solution_of(shop, "aws-user-personalization-v2")
    begun = train.begin_training(solution, FIRST)
    assert train.begin_training(solution, LATER) == begun
    assert train.await_training(begun)["status"] == "ACTIVE"


def test_one_that_ended_meanwhile_is_this_runs_and_another_run_trains_anew(shop: shops.Shop) -> None:
    solution = solution_of(shop, train.POPULARITY_COUNT)
    begun = train.begin_training(solution, FIRST)
    train.await_training(begun)
    assert train.begin_training(solution, FIRST) == begun
    again = train.begin_training(solution, LATER)
    assert again != begun and train.await_training(again)["status"] == "ACTIVE"


def test_what_was_imported_since_is_trained_on(shop: shops.Shop) -> None:
    solution = solution_of(shop, train.POPULARITY_COUNT)
    begun = train.begin_training(solution, FIRST)
    train.await_training(begun)
    shops.import_csv(shop, "Users", shops.put_csv(shop, "again.csv", shops.user_table()))
    again = train.begin_training(solution, FIRST)
    assert again != begun and train.await_training(again)["solutionVersionArn"] == again
