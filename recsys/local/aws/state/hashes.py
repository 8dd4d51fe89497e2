"""What the last save wrote, as hashes, so that the next one writes only what differs."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import NamedTuple

from recsys.local.aws.state.store import Key, Rows

Prefix = tuple[str, str, str]  # service, store, key
Hashes = dict[str, int]  # part -> hash of its text


class Block(NamedTuple):
    """One entry of a store in parts, each a text. `gone` None: these are all; else what changed, and what went."""

    prefix: Prefix
    parts: dict[str, str]
    gone: frozenset[str] | None = None


@dataclass
class Difference:
    """Rows to write and to remove, and what to remember once that is done."""

    changed: Rows = field(default_factory=dict)
    removed: list[Key] = field(default_factory=list)
    current: dict[Prefix, Hashes] = field(default_factory=dict)
    patches: list[tuple[Hashes, Hashes, frozenset[str]]] = field(default_factory=list)


class SavedHashes:
    """The hashes of everything saved."""

    def __init__(self, saved: Rows) -> None:
        self._hashes: dict[Prefix, Hashes] = {}
        for (*prefix, part), text in saved.items():
            self._hashes.setdefault(tuple(prefix), {})[part] = hash(text)

    def difference(self, read: dict[str, Iterable[Block]]) -> Difference:
        """How the services in `read` differ from the last save; a service not in it keeps what it has."""
        found = Difference(current={p: hashes for p, hashes in self._hashes.items() if p[0] not in read})
        for block in (block for blocks in read.values() for block in blocks):
            self._compare(block, found)
        for prefix in self._hashes.keys() - found.current.keys():
            found.removed += [(*prefix, part) for part in self._hashes[prefix]]
        return found

    def accept(self, difference: Difference) -> None:
        """`difference` is saved."""
        for known, fresh, gone in difference.patches:
            known.update(fresh)
            for part in gone:
                known.pop(part, None)
        self._hashes = difference.current

    def _compare(self, block: Block, found: Difference) -> None:
        known = self._hashes.get(block.prefix, {})
        fresh = {part: hash(text) for part, text in block.parts.items()}
        for part, text in block.parts.items():
            if known.get(part) != fresh[part]:
                found.changed[*block.prefix, part] = text
        gone = known.keys() - fresh.keys() if block.gone is None else known.keys() & block.gone
        found.removed += [(*block.prefix, part) for part in gone]
        found.current[block.prefix] = fresh if block.gone is None else known
        if block.gone is not None:
            found.patches.append((known, fresh, block.gone))
