"""What a kind of resource may need beyond its row in the table of resource types."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from recsys.local.shared.store import Resource

if TYPE_CHECKING:
    from recsys.local.personalize.control.control import Control

Document = dict[str, Any]


def _nothing(control: "Control", resource: Resource) -> None:
    return None


def _never(control: "Control", resource: Resource) -> bool:
    return False


def _document(control: "Control", resource: Resource) -> Document:
    return resource.document


def _as_asked(control: "Control", params: Document) -> Document:
    return params


def _apply(control: "Control", resource: Resource, change: Document) -> None:
    resource.document.update(change)


@dataclass(frozen=True)
class Rule:
    """The special cases of one kind; every member but the first has a plain default.

    prepare    checks a Create request beyond its shape and fills in defaults; returns the ARN's fields beside the name
    waits      whether work must be put off because of what is under way; not asked again once it has set out
    work       starts what happens in CREATE IN_PROGRESS; it ends with `control.finish`. None: nothing to do
    finished   in the transaction that ends a creation, whichever way
    erased     after a resource is gone: its files go too
    described  the document as Describe shows it
    scope      what a List operation's own parameters narrow it to, as members of the document
    change     checks an Update request; returns the members the update shows. None: AWS has no such request
    update     starts what an update takes; it ends with `control.finish_update`. None: nothing to do
    changed    in the transaction that ends an update well: the change becomes the resource's
    """

    prepare: Callable[["Control", Document, list[Resource]], dict[str, str]]
    waits: Callable[["Control", Resource], bool] = _never
    work: Callable[["Control", Resource], None] | None = None
    finished: Callable[["Control", Resource], None] = _nothing
    erased: Callable[["Control", Resource], None] = _nothing
    described: Callable[["Control", Resource], Document] = _document
    scope: Callable[["Control", Document], Document] = _as_asked
    change: Callable[["Control", Resource, Document], Document] | None = None
    update: Callable[["Control", Resource], None] | None = None
    changed: Callable[["Control", Resource, Document], None] = _apply
