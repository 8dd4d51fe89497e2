"""Whether a role may do what it asks for, decided as on AWS for every call a role makes.

MiniStack checks policies under AUTH=true, for the whole server and with much else: signatures, S3's answers to web
pages, what CloudFormation must be told. Here its switch is on for requests with a role's credentials and off for all
others: the account's own keys may do everything. Signatures are not verified. What a service does with a role, as
Lambda reading a stream, asks `denial_of_role`.

- Policies are parsed once, not for every call.
- A policy of AWS's own whose text MiniStack does not have (AmazonPersonalizeFullAccess) allows everything.
- A connection on loopback counts as encrypted (aws:SecureTransport): nobody else can listen.
- The message of a denial names the resource, as AWS's does.
- A role's key that nobody was given, or that has expired, is refused: every key that begins with ASIA is a role's.
- Sessions outlast a restart. Those of our own services last a week, as a service renews its keys while it works.
"""

import hashlib
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from functools import lru_cache
from typing import Any
from urllib.parse import parse_qs

from ministack import app
from ministack.core import iam_actions, iam_evaluator
from ministack.core.iam_evaluator import AuthError, EvalResult
from ministack.core.router import extract_access_key_id
from ministack.services import iam, sts

from recsys.local.aws.iam import calls
from recsys.local.shared.errors import ServiceError
from recsys.local.shared.http import Scope, header

LOOPBACK = ("127.0.0.1", True)  # where every request is from, and that it counts as encrypted
MANAGED = "arn:aws:iam::aws:policy/"
OF_PERSONALIZE = "/PersonalizeSession"  # the end of the ARN a job's calls are made with
OF_SERVICES = (OF_PERSONALIZE, "/SagemakerSession")
WEEK = 7 * 86400.0  # seconds
UNKNOWN = ("UnrecognizedClientException", "The security token included in the request is invalid.", 403)
EXPIRED = ("ExpiredTokenException", "The security token included in the request is expired", 403)
ANYTHING = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}

Credentials = dict[str, str]

_checking: ContextVar[bool] = ContextVar("checking", default=False)
_refused: ContextVar[str] = ContextVar("refused", default="*")  # the resource of the last denial


class _Switch:
    """In the place of MiniStack's AUTH: on while a role's request is answered."""

    def __bool__(self) -> bool:
        return _checking.get()


def install() -> None:
    """Turn the checks on for roles, and keep what they ask for."""
    app.AUTH = _Switch()
    # The first keeps a request as it was sent, to check its signature later: none is checked here, where only programs
    # of this machine can send one. The second would note, in place of LOOPBACK, that plain HTTP is not encrypted.
    app.pin_signed_request = app.pin_request_origin = lambda *_, **__: None
    iam_evaluator._request_origin = ContextVar("origin", default=LOOPBACK)
    iam_evaluator.enforce = _noted(iam_evaluator.enforce)
    iam_evaluator.parse_policy_document = _parsed_once(iam_evaluator.parse_policy_document)
    iam_evaluator._resolve_managed_policy_document = _known(iam_evaluator._resolve_managed_policy_document)
    iam_actions.access_denied_response = _naming_the_resource(iam_actions.access_denied_response)
    sts.get_state = lambda: {"sessions": dict(sts._sessions)}
    sts.load_persisted_state = lambda saved: sts._sessions.update(saved.get("sessions", {}))
    sts.register_session = _lasting(sts.register_session)


@contextmanager
def checked(scope: Scope) -> Iterator[None]:
    """While a request is answered: checks are on if a role signed it."""
    token = _checking.set(role_key(scope) is not None)
    try:
        yield
    finally:
        _checking.reset(token)


def role_key(scope: Scope) -> str | None:
    """The access key a request is signed with, in its header or its address, if it is a role's, or of nobody."""
    authorization, query = header(scope, "authorization"), scope.get("query_string", b"").decode("latin-1")
    if "ASIA" not in authorization and "ASIA" not in query:
        return None
    key = extract_access_key_id({"authorization": authorization}, parse_qs(query))
    return key if key.startswith("ASIA") and (key not in sts._sessions or _role_of(key)) else None


def denial_of_request(scope: Scope, action: str, resource: str, keys: Mapping[str, str]) -> str | None:
    """Why a request may not do `action`, in AWS's words; None if it may. `keys` are the action's condition keys.

    Raises ServiceError for a role's key that is unknown or has expired.
    """
    key = role_key(scope)
    if key is None:
        return None
    if key not in sts._sessions:
        raise ServiceError(*UNKNOWN)
    if sts._session_expired(sts._sessions[key]):
        raise ServiceError(*EXPIRED)
    return denial_of_key(key, action, resource, keys)


def denial_of_role(
    role_arn: str, session: str, action: str, resource: str, keys: Mapping[str, str] | None = None
) -> str | None:
    """Why a service may not do `action` with a role, in AWS's words; None if it may, or if there is no such role."""
    role = credentials(role_arn, session)
    return denial_of_key(role["AWS_ACCESS_KEY_ID"], action, resource, keys) if role else None


def credentials(role_arn: str, session: str) -> Credentials | None:
    """A role's credentials as environment variables, always the same for a session; None if there is no such role."""
    account, _, name = role_arn.removeprefix("arn:aws:iam::").partition(":role/")
    name = name.rpartition("/")[2]
    if iam._roles.get_scoped(account, None, name) is None:
        return None
    key, secret, token = (hashlib.sha256(f"{each} {role_arn} {session}".encode()).hexdigest() for each in "kst")
    key = f"ASIA{key[:16].upper()}"
    if key not in sts._sessions:
        arn = f"arn:aws:sts::{account}:assumed-role/{name}/{session[:64]}"
        facts = {"Arn": arn, "UserId": f"{name}:{session[:64]}", "SecretAccessKey": secret, "SessionToken": token}
        sts.register_session(key, facts)
    return {"AWS_ACCESS_KEY_ID": key, "AWS_SECRET_ACCESS_KEY": secret, "AWS_SESSION_TOKEN": token}


def denial_of_key(key: str, action: str, resource: str, keys: Mapping[str, str] | None = None) -> str | None:
    """Why the session with this access key may not do `action`, in AWS's words; None if it may."""
    service, region = action.partition(":")[0], (resource.split(":") + [""] * 4)[3]
    found = iam_evaluator.enforce(key, action, service, region, resource, dict(keys or {}))
    if found is None:
        return None
    if isinstance(found, AuthError):
        return found.message
    return iam_actions.identity_denial_message(action, found.principal_arn, resource, found.decision == "Deny")


def _lasting(register: Callable[[str, dict], None]) -> Callable[[str, dict], None]:
    """MiniStack's has no end for a session that is given none; here those of our own services last a week."""

    def registered(key: str, session: dict) -> None:
        if str(session.get("Arn")).endswith(OF_SERVICES):
            session["Expiration"] = time.time() + WEEK
        register(key, session)

    return registered


def _role_of(key: str) -> str | None:
    arn = sts._sessions.get(key, {}).get("Arn", "")
    return arn.split("/")[1] if ":assumed-role/" in arn else None


def _noted(enforce: Callable[..., Any]) -> Callable[..., Any]:
    """MiniStack's only decides; here what a role asked for is kept, and the resource of a denial."""

    def enforced(
        key: str, action: str, service: str, region: str, resource_arn: str = "*", service_context: Any = None
    ) -> AuthError | EvalResult | None:
        found = enforce(key, action, service, region, resource_arn, service_context)
        if role := _role_of(key):
            calls.note(role, action, resource_arn, found is None)
        if found is not None:
            _refused.set(resource_arn)
        return found

    return enforced


def _parsed_once(parse: Callable[[Any], list[Any]]) -> Callable[[Any], list[Any]]:
    """MiniStack's parses a policy for every call; here a text is parsed once."""
    remembered = lru_cache(maxsize=1024)(parse)
    return lambda document: (remembered if isinstance(document, str) else parse)(document)


def _known(resolve: Callable[[str, str], Any]) -> Callable[[str, str], Any]:
    """MiniStack's finds nothing for a policy of AWS's own that it has no text of; here that allows everything."""

    def resolved(policy_arn: str, account: str) -> Any:
        found = resolve(policy_arn, account)
        return ANYTHING if found is None and policy_arn.startswith(MANAGED) else found

    return resolved


def _naming_the_resource(respond: Callable[..., tuple]) -> Callable[..., tuple]:
    """MiniStack's message leaves out the resource; here it names it, as AWS's does."""

    def responded(service: str, action: str, principal_arn: str, request_id: str, **facts: Any) -> tuple:
        explicit, of_resource = facts.get("explicit_deny", False), bool(facts.get("resource_policy_arn"))
        if not (facts.get("message") or facts.get("error_code") or (explicit and of_resource)):
            resource = f'"{_refused.get()}"' if service == "s3" else _refused.get()
            message = iam_actions.identity_denial_message(action, principal_arn, resource, explicit)
            facts["message"] = message.replace("identity-based", "resource-based") if of_resource else message
        return respond(service, action, principal_arn, request_id, **facts)

    return responded
