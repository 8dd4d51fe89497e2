"""A theme for a set of similar items: the phrase that says best what they share and most of the catalogue lacks.

AWS has a language model invent a title ("Rise and shine"). Here it is found, not invented: of all values of categories,
and words and pairs of words in names and descriptions, the one with the highest share among the items times its inverse
document frequency, log(n / items with it); a second one follows it if half of the items share it. An item's relevance
is the cosine of its own tf-idf weights and the theme's: 0 where it has neither phrase, 1 where it has nothing else.
"""

import math
import re
from collections import Counter
from collections.abc import Iterator
from itertools import pairwise

from recsys.local.personalize.filters import Table

WORD = re.compile(r"[^\W\d_][\w'-]+")
SECOND = 0.5  # share of the items that a second phrase must have


class Themes:
    """Phrases of a whole catalogue, counted once."""

    def __init__(self, items: Table, name_column: str) -> None:
        self._items, self._name_column = items, name_column
        self._phrases = {item: frozenset(self._said_of(item)) for item in items.row}
        self._known = Counter(phrase for phrases in self._phrases.values() for phrase in phrases)

    def about(self, item: str, similar: list[str]) -> dict[str, object]:
        """The output of a line: the similar items by their relevance to the theme, best first."""
        phrases = self._theme(similar)
        title = ", ".join(phrases) or f"similar to {self._items.value(item, self._name_column) or item}"
        relevance = {each: self._relevance(each, phrases) for each in similar}
        ranked = sorted(similar, key=lambda each: -relevance[each])
        return {
            "recommendedItems": ranked,
            "theme": title[:1].upper() + title[1:],
            "itemsThemeRelevanceScores": [round(relevance[each], 8) for each in ranked],
        }

    def _said_of(self, item: str) -> Iterator[str]:
        """Categories, words and pairs of neighbouring words, in lower case."""
        for name, field in self._items.fields.items():
            if field.categorical:
                yield from (str(part).lower() for part in self._items.parts(item, name))
            elif field.textual or name.lower() == self._name_column.lower():
                words = [word.lower() for word in WORD.findall(str(self._items.value(item, name) or ""))]
                yield from words
                yield from map(" ".join, pairwise(words))

    def _theme(self, similar: list[str]) -> list[str]:
        shared = Counter(phrase for each in similar for phrase in self._phrases.get(each, ()))
        worth = {phrase: count / len(similar) * self._rarity(phrase) for phrase, count in shared.items()}
        best = sorted((phrase for phrase in worth if worth[phrase] > 0), key=lambda phrase: (-worth[phrase], phrase))
        second = (p for p in best[1:] if shared[p] >= SECOND * len(similar) and not _overlap(p, best[0]))
        return [*best[:1], *list(second)[:1]]

    def _rarity(self, phrase: str) -> float:
        return math.log(len(self._phrases) / self._known[phrase])

    def _relevance(self, item: str, theme: list[str]) -> float:
        own = self._phrases.get(item, frozenset())
        common = sum(self._rarity(phrase) ** 2 for phrase in theme if phrase in own)
        lengths = math.hypot(*map(self._rarity, own)) * math.hypot(*map(self._rarity, theme))
        return common / lengths if lengths else 0.0


def _overlap(first: str, second: str) -> bool:
    return bool(set(first.split()) & set(second.split()))
