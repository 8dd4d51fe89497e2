"""`serve`: who is answered what, in which form; what is refused; how it starts, loads several models and ends."""

import asyncio
import json
import select
import shutil
import time
from collections.abc import Iterator
from pathlib import Path

import container_runs
import ports
import pytest
from container_runs import Served, serving

from recsys.models import ItemSimilarity, Model, Popularity, Sequences
from recsys.sagemaker.container import artefact
from recsys.sagemaker.container.application import Application
from recsys.sagemaker.container.artefact import Users
from recsys.sagemaker.container.asks import Ask
from recsys.sagemaker.container.predictor import Predictor

LINES, CSV = "application/jsonlines", "text/csv"


@pytest.fixture(scope="module")
def served(trained: Path) -> Iterator[Served]:
    with serving(trained) as running:
        yield running


@pytest.fixture(scope="module")
def known(trained: Path) -> tuple[Model, Users, Model | None]:
    return artefact.read(trained / "model")


def items(answer: dict) -> list[str]:
    return [each["itemId"] for each in answer["recommendations"]]


def best(model: Model, history: list[str], k: int = 10, exclude_seen: bool = False) -> list[str]:
    codes, _ = model.recommend([model.encode(history)], k, exclude_seen)
    return model.item_ids[codes[0][codes[0] >= 0]].tolist()


def history(known: tuple[Model, Users, Model | None], user: str) -> list[str]:
    model, users, _ = known
    return model.item_ids[users.history(users.find(user))].tolist()


def thousands(count: int) -> dict:
    """A request that takes a while."""
    return {"instances": [{"userId": f"u{n % 250:03d}"} for n in range(count)], "numResults": 100}


def test_a_user_of_the_training_is_known_by_what_training_knew(served, known):
    answer = served.invoke({"userId": "u007"})
    assert answer["userId"] == "u007" and answer["known"] is True
    assert items(answer) == best(known[0], history(known, "u007"))
    scores = [each["score"] for each in answer["recommendations"]]
    assert len(scores) == 10 and scores == sorted(scores, reverse=True)


def test_an_unknown_user_is_given_what_is_popular_and_told_so(served, known):
    answer = served.invoke({"userId": "nobody"})
    assert answer["known"] is False and items(answer) == best(known[0], [])


def test_a_history_takes_the_place_of_what_is_known(served, known):
    assert items(served.invoke({"userId": "u007", "history": ["i010", "i011"]})) == best(known[0], ["i010", "i011"])
    assert items(served.invoke({"userId": "u007", "history": []})) == best(known[0], [])


def test_newer_events_are_added_in_their_order_and_older_ones_are_known_already(served, known):
    model, users, _ = known
    last = users.last(users.find("u007"))
    events = [{"itemId": item, "timestamp": last + at} for item, at in (("i050", 20), ("i049", 10), ("i099", 0))]
    assert items(served.invoke({"userId": "u007", "events": events})) == best(
        model, [*history(known, "u007"), "i049", "i050"]
    )
    assert items(served.invoke({"userId": "x", "history": ["i010"], "events": events})) == best(
        model, ["i010", "i099", "i049", "i050"]
    )


def test_items_that_training_never_saw_are_passed_over(served, known):
    assert items(served.invoke({"userId": "x", "history": ["i010", "brand new"]})) == best(known[0], ["i010"])


def test_what_was_seen_can_be_left_out(served, known):
    own = history(known, "u007")
    found = items(served.invoke({"userId": "u007", "excludeSeen": True, "numResults": 500}))
    assert set(found) == set(known[0].item_ids) - set(own)


def test_many_are_answered_in_their_order_as_each_alone(served):
    asked = [{"userId": f"u{n:03d}", "numResults": n % 7 + 1, "excludeSeen": n % 3 == 0} for n in range(60)]
    together = served.invoke({"instances": [*asked, {"userId": "nobody"}], "numResults": 4})["predictions"]
    assert [items(each) for each in together[:-1]] == [items(served.invoke(each)) for each in asked]
    assert len(items(together[-1])) == 4
    assert served.invoke({"instances": []}) == {"predictions": []}


def test_ten_thousand_users_are_one_call(served):
    asked = [{"userId": f"u{n % 250:03d}"} for n in range(10_000)]
    found = served.invoke({"instances": asked})["predictions"]
    assert [each["userId"] for each in found] == [each["userId"] for each in asked]
    assert found[:250] == found[250:500] and sum(each["known"] for each in found) == 8_000


@pytest.mark.parametrize("kind", ["application/json", LINES, CSV])
def test_how_many_results_may_be_said_in_the_custom_attributes(served, kind):
    bodies = {LINES: b'{"userId": "u001"}\n', CSV: b"u001\n", "application/json": b'{"userId": "u001"}'}
    headers = {"X_Amzn_SageMaker_Custom_Attributes": "trace=7; numResults=3", "Accept": LINES}
    status, _, body = served.ask("POST", "/invocations", bodies[kind], Content_Type=kind, **headers)
    assert status == 200 and len(items(json.loads(body))) == 3


def test_json_lines_are_answered_line_by_line(served):
    asked = [{"userId": "u001", "numResults": 2}, {"userId": "nobody", "numResults": 1}]
    body = "\n".join(map(json.dumps, asked)).encode() + b"\n\n"
    status, headers, found = served.ask("POST", "/invocations", body, Content_Type=LINES)
    assert (status, headers["content-type"]) == (200, LINES)
    for line, each in zip(found.split(b"\n"), asked, strict=True):
        together, alone = json.loads(line), served.invoke(each)
        scores = [entry.pop("score") for entry in together["recommendations"]]
        assert scores == pytest.approx([entry.pop("score") for entry in alone["recommendations"]])  # but for rounding
        assert together == alone


def test_csv_is_answered_in_csv(served, known):
    body = b'u001\r\n"x, y",i010,i011\r\n'
    status, headers, found = served.ask("POST", "/invocations", body, Content_Type="text/csv; charset=utf-8")
    assert (status, headers["content-type"]) == (200, CSV)
    first, second = found.decode().split("\n")
    assert first == ",".join(["u001", *items(served.invoke({"userId": "u001"}))])
    assert second == ",".join(['"x, y"', *best(known[0], ["i010", "i011"])])


REFUSED = {
    b"": "the body is empty",
    b"  \n": "the body is empty",
    b'{"userId": ': "the body is no JSON: ",
    b'"u1"': "the body must be an object such as",
    b"{}": "userId must be a text",
    b'{"userId": 7}': "userId must be a text",
    b'{"userId": "\xff"}': "the body is not UTF-8: ",
    b'{"userId": "a", "user": "b"}': "user is no member of a request; there are userId, numResults,",
    b'{"userId": "a", "numResults": 0}': "numResults is 0: it must be a whole number from 1 to 500",
    b'{"userId": "a", "numResults": true}': "numResults is true: it must be",
    b'{"userId": "a", "excludeSeen": "no"}': "excludeSeen must be true or false",
    b'{"userId": "a", "history": "i1"}': "history must be a list of item ids",
    b'{"userId": "a", "events": {"itemId": "b"}}': "events must be a list of objects",
    b'{"instances": {}}': "instances must be a list of objects",
    b'{"instances": [{"userId": "a"}, 7]}': "instances[1] must be an object",
    b'{"instances": [], "userId": "a"}': "userId is no member of a request; there are instances, numResults",
    b'{"instances": [{"userId": "a", "events": [{"itemId": "b", "timestamp": NaN}]}]}': "instances[0].events[0] must",
    b'{"userId": "a", "events": [{"itemId": "b", "timestamp": "now"}]}': "events[0] must be an object such as",
    b"[" * 100_000: "the body is no JSON: ",
}


@pytest.mark.parametrize("body", REFUSED, ids=range(len(REFUSED)))
def test_a_body_that_cannot_be_read_is_told_where(served, body):
    status, _, answer = served.ask("POST", "/invocations", body, Content_Type="application/json")
    assert status == 400 and json.loads(answer)["error"].startswith(REFUSED[body])


@pytest.mark.parametrize(
    "body, kind, status, told",
    [
        (b"u1", "text/plain", 415, 'content type "text/plain" is not read here; send one of application/json, '),
        (b"u1", "", 415, 'content type "" is not read here'),
        (b'{"userId": "a"}\n{"userId": 1}', LINES, 400, "line 2: userId must be a text"),
        (b'{"userId": "a"}\n[', LINES, 400, "line 2 is no JSON: "),
        (b"u1,i1\n,i2", CSV, 400, "line 2: no userId before the first comma"),
        (b'u1\n"u2', CSV, 400, "line 2: no CSV: "),
    ],
)
def test_lines_and_content_types_are_refused_the_same_way(served, body, kind, status, told):
    found, _, answer = served.ask("POST", "/invocations", body, Content_Type=kind)
    assert found == status and json.loads(answer)["error"].startswith(told)


def test_an_answer_in_another_form_is_refused(served):
    status, _, answer = served.ask("POST", "/invocations", {"userId": "a"}, Accept="image/png")
    assert status == 406 and json.loads(answer)["error"].startswith("image/png is not written here; accept one of ")
    assert served.ask("GET", "/invocations")[0] == served.ask("GET", "/models")[0] == 404


def test_a_large_call_holds_up_neither_the_ping_nor_another_caller(served):
    large = served.sent(thousands(4_000))
    assert served.ask("GET", "/ping")[0] == 200 and served.invoke({"userId": "u001"})["known"]
    assert not select.select([large.sock], [], [], 0)[0]
    assert len(json.loads(large.getresponse().read())["predictions"]) == 4_000
    large.close()


def test_until_the_model_is_there_it_is_not_ready():
    sent = []

    async def ask(method: str, path: str) -> None:
        async def receive() -> dict:
            return {"type": "http.request", "body": b""}

        async def send(message: dict) -> None:
            sent.append(message.get("status"))

        await Application()({"method": method, "path": path, "headers": []}, receive, send)

    for asked in (("GET", "/ping"), ("POST", "/invocations")):
        asyncio.run(ask(*asked))
    assert sent[::2] == [503, 503]


def test_sigterm_lets_a_call_in_progress_end(trained):
    with serving(trained) as running:
        call = running.sent(thousands(2_000))
        running.ask("GET", "/ping")  # by its answer, the call has reached the server
        running.process.terminate()
        assert len(json.loads(call.getresponse().read())["predictions"]) == 2_000
        assert running.process.wait(30) == 0
        call.close()


@pytest.mark.parametrize("damage", ["cut short", "nothing"])
def test_a_model_that_cannot_be_loaded_ends_it_with_the_reason_last(trained, tmp_path, damage):
    base = tmp_path / "ml"
    (base / "model").mkdir(parents=True)
    reason = f"{base}/model holds nothing, and no folder recommender: is this the model.tar.gz of a training?"
    if damage == "cut short":
        shutil.copytree(trained / "model", base / "model", dirs_exist_ok=True)
        table = base / "model" / "users" / "codes.npy"
        table.write_bytes(table.read_bytes()[:-8])
        reason = f"{table} was cut short or altered since it was saved: restore it or train the model again"
    address = {"SAGEMAKER_BIND_TO_HOST": "127.0.0.1", "SAGEMAKER_BIND_TO_PORT": str(ports.free_port())}
    process = container_runs.start("serve", base, **address)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 1 and errors.splitlines()[-1] == reason


def test_several_models_are_loaded_asked_and_let_go(trained, tmp_path):
    folder = tmp_path / "models" / "a"
    shutil.copytree(trained / "model", folder)
    named = {"modelName": "a", "modelUrl": str(folder)}
    with serving(tmp_path / "ml", SAGEMAKER_MULTI_MODEL="true") as running:

        def asked(method: str, path: str, body=b"") -> tuple:
            status, _, answer = running.ask(method, path, body)
            return status, json.loads(answer)

        load = {"model_name": "a", "url": str(folder)}
        assert asked("GET", "/models") == (200, {"models": []})
        assert asked("POST", "/models/a/invoke", {"userId": "u001"})[0] == 404
        assert asked("POST", "/models", load) == (200, named)
        assert asked("POST", "/models", load) == (409, {"error": "a is loaded already"})
        assert asked("GET", "/models") == (200, {"models": [named]})
        assert asked("GET", "/models/a") == (200, named)
        assert asked("POST", "/models/a/invoke", {"userId": "u001"})[1]["known"] is True
        status, answer = asked("POST", "/models", load | {"model_name": "b", "url": str(tmp_path)})
        assert status == 400 and answer["error"].startswith(f"b: {tmp_path} holds ")
        assert asked("POST", "/models", {"url": 1})[0] == 400
        assert asked("DELETE", "/models/a")[0] == 200
        assert asked("DELETE", "/models/a")[0] == asked("GET", "/models/a")[0] == 404
        assert asked("POST", "/invocations", {"userId": "u001"})[0] == 404


def test_popularity_is_served_the_same_way():
    seqs = Sequences.from_interactions(container_runs.interactions(users=30))
    predictor = Predictor(Popularity.fit(seqs), Users(artefact._arrays(seqs)))
    first, second = predictor.answers([Ask("u001", 5), Ask("nobody", 500, True, ("i001",))])
    assert first.known and first.items == best(predictor.model, [], 5)
    assert not second.known and set(second.items) == {*seqs.item_ids} - {"i001"}


def test_who_comes_back_is_answered_by_the_model_for_them(tmp_path):
    seqs = Sequences.from_interactions(container_runs.interactions(users=30))
    artefact.save(tmp_path, ItemSimilarity.fit(seqs), seqs, returning=Popularity.fit(seqs))
    predictor, clicked = Predictor.of(tmp_path), seqs.item_ids[3]
    popular, alike = best(Popularity.fit(seqs), [], 3), best(predictor.model, [clicked], 3)
    seconds = {minutes: time.time() - 60 * minutes for minutes in (20, 40)}
    asks = [
        Ask("u001", 3),
        Ask("nobody", 3, events=((clicked, seconds[40]),)),
        Ask("nobody", 3, events=((clicked, seconds[20]),)),
        Ask("u001", 3, history=(clicked,)),
    ]
    assert popular != alike
    assert [answer.items for answer in predictor.answers(asks)] == [popular, popular, alike, alike]


def test_any_id_is_found_again(tmp_path):
    ids = ["", "0", "00", "a", "a b", "é", "zz", "日本", "\U0001f600"]
    table = container_runs.pd.DataFrame({"USER_ID": ids, "ITEM_ID": "i", "TIMESTAMP": range(len(ids))})
    seqs = Sequences.from_interactions(table)
    users = Users(artefact._arrays(seqs))
    assert [seqs.user_ids[users.find(each)] for each in ids] == ids
    assert [users.last(users.find(each)) for each in ids] == list(range(len(ids)))
    assert users.find("b") is users.find("~") is users.find("é ") is None
