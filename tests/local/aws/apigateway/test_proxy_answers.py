"""What a REST API answers for its Lambda proxy, and where it cuts a path."""

import json
import urllib.error
import urllib.request

import pytest
from stream_pipeline import function

HANDLER = """
import json


def handler(event, context):
    asked = (event.get("queryStringParameters") or {}).get("answer")
    if asked == "fail":
        raise KeyError("secret")
    if asked:
        return json.loads(asked)
    return {"statusCode": 200, "body": json.dumps([event["path"], event["pathParameters"]])}
"""


@pytest.fixture(scope="module")
def url(client, embedded):
    """The address of a stage with /x/{id} and /files/{proxy+}."""
    api = client("apigateway")
    function(client, "proxied", HANDLER)
    made = api.create_rest_api(name="proxied")
    made, root = made["id"], made["rootResourceId"]
    target = "arn:aws:lambda:us-east-1:000000000000:function:proxied/invocations"
    for first, second in (("x", "{id}"), ("files", "{proxy+}")):
        parent = api.create_resource(restApiId=made, parentId=root, pathPart=first)["id"]
        place = {"restApiId": made, "httpMethod": "GET"}
        place["resourceId"] = api.create_resource(restApiId=made, parentId=parent, pathPart=second)["id"]
        api.put_method(**place, authorizationType="NONE")
        uri = f"arn:aws:apigateway:us-east-1:lambda:path/2015-03-31/functions/{target}"
        api.put_integration(**place, type="AWS_PROXY", integrationHttpMethod="POST", uri=uri)
    api.create_deployment(restApiId=made, stageName="p")
    yield f"{embedded.endpoint}/restapis/{made}/p/_user_request_"
    api.delete_rest_api(restApiId=made)
    client("lambda").delete_function(FunctionName="proxied")


def get(address):
    try:
        with urllib.request.urlopen(address) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()


@pytest.mark.parametrize(
    "answer",
    ["fail", '{"foo": 1}', '"text"', "null", '{"statusCode": 200, "body": 5}', '{"statusCode": "x"}', "[1]"],
)
def test_what_is_no_answer_of_a_proxy_is_a_502_that_tells_nothing(url, answer):
    status, body = get(f"{url}/x/1?answer={urllib.request.quote(answer)}")
    assert (status, json.loads(body)) == (502, {"message": "Internal server error"})


@pytest.mark.parametrize(
    ("answer", "status", "body"),
    [
        ({"statusCode": 201, "body": "made"}, 201, "made"),
        ({"statusCode": "404", "headers": {"x": "y"}, "body": "none"}, 404, "none"),
        ({"statusCode": 200}, 200, ""),
        ({"statusCode": 200, "body": None, "isBase64Encoded": False}, 200, ""),
    ],
)
def test_what_is_one_is_passed_on(url, answer, status, body):
    assert get(f"{url}/x/1?answer={urllib.request.quote(json.dumps(answer))}") == (status, body)


@pytest.mark.parametrize(
    ("sent", "path", "parameters"),
    [
        ("/x/ab", "/x/ab", {"id": "ab"}),
        ("/x/a%20b", "/x/a b", {"id": "a b"}),
        ("/x/a%2Fb", "/x/a%2Fb", {"id": "a/b"}),
        ("/x/%2fa%2F", "/x/%2Fa%2F", {"id": "/a/"}),
        ("/files/a/b%2Fc", "/files/a/b%2Fc", {"proxy": "a/b/c"}),
    ],
)
def test_a_path_is_cut_where_it_was_sent_cut(url, sent, path, parameters):
    status, body = get(url + sent)
    assert (status, json.loads(body)) == (200, [path, parameters])
