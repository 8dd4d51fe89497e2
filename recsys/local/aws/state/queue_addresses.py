"""Queues at the port of the server that answers now, with the state of one that answered at another.

A queue's URL has the port in it, and MiniStack keeps queues by their URL: at another port it tells the old one, makes a
queue that is there a second time, and finds none for a function that reads it.
"""

import re

from ministack.services import sqs

from recsys.local.aws.state.store import Rows

QUEUE = re.compile(rf"http://{sqs.DEFAULT_HOST}:\d+/(?=\d{{12}}/)")
ITS_OWN = re.compile(rf'"url":"{QUEUE.pattern}')  # in a message's text the quotes are escaped
HERE = f"http://{sqs.DEFAULT_HOST}:{sqs.DEFAULT_PORT}/"
NAMED_IN = ("cloudformation", "lambda")  # outputs and physical ids of stacks, environments of functions


def renewed(saved: Rows) -> Rows:
    """What is saved, with the addresses that queues have here."""
    found: Rows = {}
    for (service, store, key, part), text in saved.items():
        if service == "sqs":
            key, text = QUEUE.sub(HERE, key), ITS_OWN.sub(f'"url":"{HERE}', text)
        elif service in NAMED_IN:
            text = QUEUE.sub(HERE, text)
        found[service, store, key, part] = text
    return found
