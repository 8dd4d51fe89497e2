"""The deployed API, called as a shop's front end would call it."""

import json
import time
from collections.abc import Mapping, Sequence
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlencode

from recsys import aws, http
from recsys.columns import ITEM_ID, PRICE, TIMESTAMP, UNKNOWN, USER_ID
from recsys.errors import AwsError
from recsys.params import command

if TYPE_CHECKING:
    import pandas as pd  # slow to import, which most commands need not wait for

CLOSED = (401, 403)

Answer = tuple[int, dict[str, Any]]


def get(url: str) -> Answer:
    """Status and JSON body of a GET; a refusal is an answer too.

    Raises AwsError where nothing answers, or where the API asks for a key or a signature: here is neither.
    """
    return _ask(url)


def post(url: str, body: Mapping[str, Any]) -> Answer:
    """Status and JSON body of a POST of JSON. Raises AwsError as `get` does."""
    return _ask(url, json.dumps(body).encode(), {"Content-Type": "application/json"})


def table(answer: Mapping[str, Any]) -> "pd.DataFrame":
    """The recommendations of an answer as a table: itemId, title, category, price and, where there is one, score."""
    import pandas as pd

    return pd.DataFrame(answer["recommendations"])


def in_short(answer: Mapping[str, Any]) -> str:
    """Who answered and what comes first, the reason of a refusal, or the id of an event that was taken."""
    if "error" in answer:
        return str(answer["error"]["message"])
    if "recommendations" not in answer:
        return f"event {answer['eventId']}"
    first = answer["recommendations"][0]["title"] if answer["recommendations"] else "nothing"
    return f"by the {answer['source']}, first: {first}"


def narrowing(answer: Mapping[str, Any], items: "pd.DataFrame") -> dict[str, Any]:
    """What narrows the question of an answer: the category of its best item that has one, a price up to the middle.

    By what the table `items` tells; empty where it tells neither.
    """
    categories = [str(entry["category"] or UNKNOWN).split("|")[0] for entry in answer["recommendations"]]
    told = [category for category in categories if category != UNKNOWN]
    middle = float(items[PRICE].median())
    return ({"category": told[0]} if told else {}) | ({"maxPrice": middle} if middle == middle else {})


def latencies(url: str, users: Sequence[str], requests: int, num_results: int) -> list[float]:
    """Milliseconds of each of `requests` calls for recommendations, one after the other, the users in turn.

    Raises AwsError at the first answer that is not 200.
    """
    milliseconds = []
    for number in range(requests):
        started = time.perf_counter()
        _recommended(url, users[number % len(users)], num_results)
        milliseconds.append((time.perf_counter() - started) * 1000)
    return milliseconds


def visits(url: str, wanted: Mapping[str, Sequence[str]], num_results: int) -> "pd.DataFrame":
    """Every user comes once, and takes what is shown of what they want: USER_ID, ITEM_ID, TIMESTAMP (epoch seconds).

    `wanted` maps a user to item ids. Times are those of the API's clock, by which its log tells when it answered.
    Raises AwsError at the first answer that is not 200.
    """
    import pandas as pd

    taken, ahead = [], _ahead(url)
    for user, items in wanted.items():
        shown = [entry["itemId"] for entry in _recommended(url, user, num_results)]
        taken += [(user, item, int(time.time() + ahead)) for item in shown if item in items]
    return pd.DataFrame(taken, columns=[USER_ID, ITEM_ID, TIMESTAMP])


def recommendations_url(url: str, user: str, num_results: int, **filters: str | float | Sequence[str]) -> str:
    """Where the API at `url` answers for a user, whatever their id is made of; `filters` such as `maxPrice=9.5`."""
    return _of(url, "recommendations", user, numResults=num_results, **filters)


def similar_items_url(url: str, item: str, num_results: int) -> str:
    """Where the API at `url` answers what goes with an item, whatever its id is made of."""
    return _of(url, "similar-items", item, numResults=num_results)


def _of(url: str, route: str, name: str, **query: Any) -> str:
    return f"{url}/{route}/{quote(str(name), safe='')}?{urlencode(query, doseq=True)}"


def _ahead(url: str) -> float:
    """Seconds by which the API's clock is ahead of this one: known to a second, of which no less is said."""
    _, headers, _ = _send(f"{url}/health")
    return parsedate_to_datetime(headers["Date"]).timestamp() + 1 - time.time() if "Date" in headers else 0.0


def _recommended(url: str, user: str, num_results: int) -> list[dict[str, Any]]:
    status, answer = get(recommendations_url(url, user, num_results))
    if status != 200:
        raise AwsError(f"GET /recommendations/{user} answered {status}: {answer.get('error', answer)}")
    return answer["recommendations"]


def _ask(url: str, *asked: Any) -> Answer:
    status, _, body = _send(url, *asked)
    if status in CLOSED:
        told, opened = _body(body), command("recsys deploy ApiKeyRequired=false ApiAuthorizer=NONE")
        raise AwsError(
            f"{url} answered {status}: {told.get('error', told).get('message')}. This command and the notebooks send "
            f"no key and no signature; none is asked for after: {opened}. Where none is, a web ACL may have refused it"
        )
    return status, json.loads(body) if status < 400 else _body(body)


def _send(url: str, *asked: Any) -> tuple[int, Mapping[str, str], bytes]:
    try:
        return http.ask(url, *asked)
    except OSError as error:
        raise AwsError(f"{url} does not answer: {error}; {aws.remedy_for_silence()}") from error


def _body(data: bytes) -> dict[str, Any]:
    try:
        return json.loads(data)
    except ValueError:
        return {"error": {"code": "NotJson", "message": data[:200].decode(errors="replace")}}
