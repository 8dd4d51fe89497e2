"""Who may call: the programs of this machine, and the web pages it serves itself.

Signatures are not verified, so any page its user visits could run code here: a browser sends a POST of plain text, or
follows an image's address, without asking first. It does say where the page is from. A name of another site that points
to this machine (DNS rebinding) is told by the Host. A REST API that a stack has deployed says itself which sites may
call.
"""

import re
from functools import lru_cache
from urllib.parse import urlsplit

from recsys.local.shared.http import Scope, header

LOCAL = re.compile(r"(.+\.)?localhost|127\.\d+\.\d+\.\d+|::1")
# Names that no web site can be given: AWS's own, as a bucket's, and that of this machine in a container.
RESERVED = re.compile(r"(.+\.)?amazonaws\.com|host\.docker\.internal")
DEPLOYED = re.compile(r"/restapis/[^/]+/[^/]+/_user_request_(/.*)?", re.DOTALL)
# A request signed for another service than the API's own is answered by that one, whatever its path.
ELSEWHERE = re.compile(r"/(?!execute-api/)[^/]+/aws4_request")


def refusal(scope: Scope) -> str | None:
    """Why a request is not answered; None where it is."""
    host, page = header(scope, "host"), _page(scope)
    name = _name(f"//{host}")
    if host and not LOCAL.fullmatch(name) and not RESERVED.fullmatch(name):
        return f"{host} is no name of this machine: call http://127.0.0.1 or http://localhost"
    if page and not LOCAL.fullmatch(_name(page)) and not _is_for_a_deployed_api(scope):
        return f"A web page of {page} may call a deployed API here and nothing else; serve the page from localhost"
    return None


def _page(scope: Scope) -> str:
    """The address of the web page that calls, `null` where the browser hides it; empty where no page does."""
    cross = header(scope, "sec-fetch-site") == "cross-site"
    return header(scope, "origin") or (cross and (header(scope, "referer") or "null")) or ""


@lru_cache
def _name(address: str) -> str:
    try:
        return urlsplit(address).hostname or ""
    except ValueError:
        return ""


def _is_for_a_deployed_api(scope: Scope) -> bool:
    return bool(DEPLOYED.fullmatch(scope["path"])) and not ELSEWHERE.search(header(scope, "authorization"))
