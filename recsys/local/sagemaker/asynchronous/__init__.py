"""Asynchronous inference: requests that wait in a queue, their payload and their answer in S3.

queues.py    the queue of each endpoint: what waits, whose turn it is, how long the queue is
request.py   one request: payload, the model's answer, a word to a topic, and how long all that took
"""

from recsys.local.sagemaker.asynchronous.queues import Queues

__all__ = ["Queues"]
