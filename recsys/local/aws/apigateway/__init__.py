"""API Gateway's REST APIs: what a request passes on its way to a function, and what is told of it.

MiniStack answers 200, or a stack trace, for what is no answer of a Lambda proxy, cuts a path at an encoded slash, does
not say why a body is refused, takes an API key that is switched off, and writes neither access logs nor metrics.

paths            where a path is cut
proxy_answers    a 502 for what is no answer of a Lambda proxy
body_validation  why a body is refused
api_keys         a key that is switched off
request_ids      one id for a request, wherever it is told
access_logs      a line for each request, in the stage's format
metrics          Count, 4XXError, 5XXError and Latency; recorded where the request came in
"""

from collections.abc import Callable

from recsys.local.aws.apigateway import access_logs, api_keys, body_validation, paths, proxy_answers, request_ids


def install(trace: Callable[[], None]) -> None:
    """Change the functions that a request passes. `trace` lets requests be traced: around the access log."""
    paths.install()
    proxy_answers.install()
    body_validation.install()
    api_keys.install()
    access_logs.install()
    trace()
    request_ids.install()  # around both
