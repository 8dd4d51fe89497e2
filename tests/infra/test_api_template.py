"""The API as the template deploys it and as its OpenAPI document describes it: the same."""

from typing import Any

import pytest

from recsys.deploy.template import content
from recsys.lambdas.recommendation_api.openapi import document
from recsys.lambdas.recommendation_api.routes import REASONS, ROUTES, SCHEMAS

METHOD, MODEL, RESOURCE = (f"AWS::ApiGateway::{kind}" for kind in ("Method", "Model", "Resource"))


@pytest.fixture(scope="module")
def resources() -> dict[str, Any]:
    return content()["Resources"]


def properties(resources: dict[str, Any], kind: str) -> dict[str, dict[str, Any]]:
    return {name: body["Properties"] for name, body in resources.items() if body["Type"] == kind}


def path_of(resources: dict[str, Any], name: str) -> str:
    resource = resources[name]["Properties"]
    kind, parent = resource["ParentId"]
    return f"{path_of(resources, parent) if kind == 'Ref' else ''}/{resource['PathPart']}"


def methods(resources: dict[str, Any]) -> dict[tuple[str, str], dict[str, Any]]:
    """The methods that call the function, by verb and path."""
    every = properties(resources, METHOD).values()
    calling = [method for method in every if method["Integration"]["Type"] == "AWS_PROXY"]
    return {(method["HttpMethod"], path_of(resources, method["ResourceId"][1])): method for method in calling}


def test_the_same_routes_are_deployed_and_described(resources: dict[str, Any]) -> None:
    described = {(verb.upper(), path) for path, verbs in document()["paths"].items() for verb in verbs}
    assert set(methods(resources)) == described == {(route.verb, route.path) for route in ROUTES}


def test_only_health_and_the_document_are_open_to_all(resources: dict[str, Any]) -> None:
    guarded = {
        key for key, method in methods(resources).items() if method["AuthorizationType"] == ["Ref", "ApiAuthorizer"]
    }
    assert guarded == {(route.verb, route.path) for route in ROUTES if not route.open}
    for key in guarded:
        assert methods(resources)[key]["ApiKeyRequired"] == ["Ref", "ApiKeyRequired"]


def test_a_model_of_api_gateway_demands_no_more_than_the_document(resources: dict[str, Any]) -> None:
    models = properties(resources, MODEL)
    for route in ROUTES:
        if route.body:
            method = methods(resources)[route.verb, route.path]
            model = models[method["RequestModels"]["application/json"][1]]["Schema"]
            described = SCHEMAS[route.body]
            assert method["RequestValidatorId"] == ["Ref", "RequestValidator"]
            assert model["required"] == described["required"]
            assert model["properties"].items() <= described["properties"].items()


def test_the_cache_tells_apart_what_an_answer_depends_on(resources: dict[str, Any]) -> None:
    route = next(route for route in ROUTES if route.path.startswith("/similar-items"))
    method = methods(resources)[route.verb, route.path]
    keys = {key.split(".")[-1] for key in method["Integration"]["CacheKeyParameters"]}
    assert keys == {parameter.name for parameter in route.parameters} | {"Origin"}
    assert set(method["Integration"]["CacheKeyParameters"]) == set(method["RequestParameters"])


def test_only_similar_items_are_ever_cached(resources: dict[str, Any]) -> None:
    settings = resources["ApiStage"]["Properties"]["MethodSettings"]
    assert {entry["ResourcePath"]: entry["CachingEnabled"] for entry in settings} == {
        "/*": False,
        "/~1similar-items~1{itemId}": ["If", ["HasCache", True, False]],
    }
    assert [route.path for route in ROUTES if route.cached] == ["/similar-items/{itemId}"]


def test_every_status_and_schema_the_document_names_is_explained() -> None:
    for route in ROUTES:
        assert set(route.answers) <= set(REASONS)
        assert {name for name in route.answers.values() if name} <= set(SCHEMAS)


def test_each_operation_has_a_name_of_its_own() -> None:
    names = [operation["operationId"] for verbs in document()["paths"].values() for operation in verbs.values()]
    assert len(set(names)) == len(names)


def test_an_api_without_the_new_parameters_is_as_open_as_before() -> None:
    defaults = {name: entry.get("Default") for name, entry in content()["Parameters"].items()}
    assert (defaults["ApiKeyRequired"], defaults["ApiAuthorizer"], defaults["WebAclArn"]) == ("false", "NONE", "")
