"""The control plane's records: what was created, described, listed, tagged and deleted.

A record is a document with the members of its Describe shape, in SQLite: what was acknowledged survives a kill. Members
that begin with an underscore are ours and never leave. Used on one thread (shared/actor.py).
"""

import time
from collections.abc import Callable, Iterable
from typing import Any

from recsys.local.sagemaker.kinds import KINDS, Kind
from recsys.local.shared.errors import ServiceError, broken
from recsys.local.shared.store import Resource, Store
from recsys.local.shared.tokens import page

MOST_TAGS = 50
PAGE = 10  # entries of a list where no number is asked for; AWS says so of most lists

Params = dict[str, Any]


class Control:
    """Records by ARN; `region` and `account` are those of the ARNs."""

    def __init__(self, store: Store, region: str, account: str) -> None:
        self.store, self.region, self.account = store, region, account

    def arn(self, kind: Kind, name: str) -> str:
        """ARNs are in small letters, whatever the name is in."""
        return f"arn:aws:sagemaker:{self.region}:{self.account}:{kind.path}/{name.lower()}"

    def find(self, kind: Kind, name: str) -> Resource:
        """A record by its name or ARN. Raises ValidationException where there is none."""
        arn = name if name.startswith("arn:") else self.arn(kind, name)
        found = self.store.get(arn)
        if found is None or found.kind != kind.name:
            raise broken(kind.missing.format(arn=arn, name=name))
        return found

    def create(self, kind: Kind, document: Params, tags: Iterable[dict[str, str]] = (), name: str = "") -> Resource:
        """A new record. Raises what AWS does where the name is taken."""
        arn = self.arn(kind, name or document[kind.name_member])
        if self.store.get(arn):
            code, message = kind.taken
            raise ServiceError(code, message.format(arn=arn))
        now = time.time()
        made = {**document, kind.arn_member: arn, "CreationTime": now, "LastModifiedTime": now}
        resource = Resource(arn, kind.name, made)
        with self.store.transaction():
            self.store.add(resource)
            self.store.tag(arn, tags_of(tags))
        return resource

    def change(self, arn: str, **members: Any) -> Resource | None:
        """Change members of a record and its LastModifiedTime; None where it is gone."""
        return self.edit(arn, lambda document: document.update(members))

    def edit(self, arn: str, change: Callable[[Params], None]) -> Resource | None:
        """As `change`, by a function of the document."""
        with self.store.transaction():
            resource = self.store.get(arn)
            if resource is None:
                return None
            change(resource.document)
            resource.document["LastModifiedTime"] = time.time()
            self.store.save(resource)
        return resource

    def delete(self, resource: Resource) -> None:
        with self.store.transaction():
            self.store.remove(resource.arn)

    def page(self, kind: Kind, operation: str, params: Params) -> Params:
        """One page of a List, filtered and sorted as asked. Raises ValidationException for a token of another list."""
        found = [each.document for each in self.store.find(kind.name) if _wanted(kind, each.document, params)]
        member = {"Name": kind.name_member, "Status": kind.status_member}.get(params.get("SortBy", ""), "CreationTime")
        descending = params["SortOrder"] == "Descending" if "SortOrder" in params else kind.descending
        found.sort(key=lambda document: document.get(member, ""), reverse=descending)
        try:
            listed, token = page(found, params.get("NextToken"), params.get("MaxResults", PAGE), operation)
        except ServiceError:
            raise broken("Invalid pagination token.") from None
        return {kind.summaries: listed, "NextToken": token}

    def add_tags(self, arn: str, tags: list[dict[str, str]]) -> Params:
        with self.store.transaction():
            self.store.tag(self._tagged(arn), tags_of(tags))
            if len(self.store.tags(arn)) > MOST_TAGS:
                raise broken(f"The number of tags on {arn} cannot exceed {MOST_TAGS}")
        return self.tags(arn)

    def tags(self, arn: str) -> Params:
        tags = self.store.tags(self._tagged(arn))
        return {"Tags": [{"Key": key, "Value": value} for key, value in tags.items()]}

    def remove_tags(self, arn: str, keys: list[str]) -> None:
        self.store.untag(self._tagged(arn), keys)

    def _tagged(self, arn: str) -> str:
        if self.store.get(arn) is None:
            raise broken(f"Could not find resource {arn}")
        return arn


def tags_of(entries: Iterable[dict[str, str]]) -> dict[str, str]:
    """Tags by key."""
    return {tag["Key"]: tag["Value"] for tag in entries}


def _wanted(kind: Kind, document: Params, params: Params) -> bool:
    created, changed = document["CreationTime"], document["LastModifiedTime"]
    return (
        params.get("NameContains", "") in document.get(kind.name_member, "")
        and params.get("StatusEquals") in (None, document.get(kind.status_member))
        and params.get("ModelApprovalStatus") in (None, document.get("ModelApprovalStatus"))
        and params.get("CreationTimeAfter", 0) <= created <= params.get("CreationTimeBefore", created)
        and params.get("LastModifiedTimeAfter", 0) <= changed <= params.get("LastModifiedTimeBefore", changed)
        and (kind is not KINDS["ModelPackage"] or _of_type(document, params))
    )


def _of_type(package: Params, params: Params) -> bool:
    """Whether a model package is of the group and type asked for: versions of a group, else what is in none."""
    asked, group = params.get("ModelPackageGroupName", "").rpartition("/")[2], package.get("ModelPackageGroupName", "")
    wanted = params.get("ModelPackageType", "Versioned" if asked else "Unversioned")
    return asked in ("", group) and wanted in ("Both", "Versioned" if group else "Unversioned")
