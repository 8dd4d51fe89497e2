"""Endpoints as local processes: no control plane, no S3, one event loop.

fleet.py       an endpoint's variants: which instance answers a call, switches and weights
instance.py    one instance: a container that is started again when its process ends
models.py      what a multi-model container has loaded
container.py   one process that serves, and its log
connection.py  HTTP over connections that stay open
archive.py     model.tar.gz, extracted whole or not at all
transform.py   batch transform: an input cut into payloads, the answers in order
errors.py      what may go wrong, in AWS's words
"""

from recsys.local.sagemaker.hosting.connection import Answer
from recsys.local.sagemaker.hosting.container import Container
from recsys.local.sagemaker.hosting.errors import (
    HostingFailed,
    Refused,
    TimedOut,
    TransformFailed,
    Unavailable,
)
from recsys.local.sagemaker.hosting.fleet import Fleet, Variant

__all__ = [
    "Answer",
    "Container",
    "Fleet",
    "HostingFailed",
    "Refused",
    "TimedOut",
    "TransformFailed",
    "Unavailable",
    "Variant",
]
