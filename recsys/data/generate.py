"""The sample shop: made from a seed, with something to learn and its ground truth kept (see `shop`).

Only uniform random numbers are drawn, and every other distribution is computed from them, so that one seed gives one
shop whatever the version of numpy.
"""

from pathlib import Path

import numpy as np
import pandas as pd
from scipy.special import ndtri

from recsys.columns import CATEGORY, COUNTRY, CREATION_TIMESTAMP, ITEM_ID, PRICE, TITLE, USER_ID
from recsys.data import tables, vocabulary
from recsys.data.shop import FOLLOWER_WEIGHTS, WEEK, Shop, Truth
from recsys.data.simulate import simulate
from recsys.errors import DataError

START = 1_736_121_600  # Monday 2025-01-06 00:00 UTC
SAMPLE = {"users": 1_200, "items": 600, "days": 364, "seed": 7, "clicks_per_user": 22.0, "sent_twice": 0.004}
GROUPS = len(vocabulary.RANGES) * len(vocabulary.BANDS)
NEW_SHARE = 0.3


def generate(
    users: int = 2_000,
    items: int = 1_000,
    days: int = 364,
    seed: int = 7,
    clicks_per_user: float = 26.0,
    sent_twice: float = 0.0,
) -> Shop:
    """A shop of that size, open for that many days; the same arguments give the same shop.

    `clicks_per_user` is the mean number of clicks, purchases come on top; `sent_twice` is the share of events that the
    tracker sent twice, the dirt of real click streams. Raises DataError when a size is too small to be a shop.
    """
    _require("users", users, 1)
    _require("items", items, GROUPS)
    _require("days", days, 7)
    rng = np.random.default_rng(seed)
    country = _choose(rng, [share for _, share in vocabulary.COUNTRIES], users)
    truth = _truth(rng, country, items, weeks=-(-days // 7))
    catalogue, shoppers = _items(rng, truth), _users(country)
    events = simulate(truth, catalogue[PRICE].to_numpy(), days, clicks_per_user, rng)
    events[USER_ID] = shoppers[USER_ID].to_numpy()[events[USER_ID]]
    events[ITEM_ID] = catalogue[ITEM_ID].to_numpy()[events[ITEM_ID]]
    if sent_twice:
        times = 1 + (rng.random(len(events)) < sent_twice)
        events = events.loc[events.index.repeat(times)].reset_index(drop=True)
    return Shop(events, catalogue, shoppers, truth)


def sample(folder: Path, **sizes: float) -> list[Path]:
    """Write a shop's three tables as CSV; without sizes, the sample that comes with the project."""
    shop = generate(**{**SAMPLE, **sizes})
    return tables.write(folder, shop.interactions, shop.items, shop.users)


def _require(name: str, value: int, least: int) -> None:
    if value < least:
        raise DataError(f"a sample shop needs at least {least} {name}, not {value}")


def _truth(rng: np.random.Generator, country: np.ndarray, items: int, weeks: int) -> Truth:
    category, band = _places(rng, items)
    attraction = (1 + rng.permutation(items)) ** -1.0 * np.exp(0.3 * _normal(rng, items))
    goes_with = _goes_with(rng)
    taste_first, taste_last = _tastes(rng, country)
    bands = np.exp(0.9 * _normal(rng, (len(country), 3)) + np.array([0.1, 0.3, -0.3]))
    return Truth(
        start=np.array(START, dtype=np.int64),
        category=category,
        band=band,
        attraction=attraction,
        born=_born(rng, items, weeks),
        followers=_followers(rng, category, band, attraction, goes_with),
        goes_with=goes_with,
        season=_season(weeks),
        taste_first=taste_first,
        taste_last=taste_last,
        bands=bands / bands.sum(axis=1, keepdims=True),
        buying=np.exp(0.5 * _normal(rng, len(country))),
    )


def _places(rng: np.random.Generator, items: int) -> tuple[np.ndarray, np.ndarray]:
    """Category and price band of each item; the first ones fill every group once, so that no group is ever empty."""
    kinds = len(vocabulary.RANGES)
    spread = np.floor(rng.random(items) * kinds).astype(np.int16)
    bands = _choose(rng, [0.35, 0.45, 0.2], items).astype(np.int8)
    spread[:GROUPS] = np.arange(GROUPS) // 3
    bands[:GROUPS] = np.arange(GROUPS) % 3
    return spread, bands


def _born(rng: np.random.Generator, items: int, weeks: int) -> np.ndarray:
    """Week each item goes on sale, a Monday; most are there from the start (0), and the first of each group always."""
    late = rng.random(items) < NEW_SHARE
    week = 1 + np.floor(rng.random(items) * max(weeks - 2, 1))
    late[:GROUPS] = False
    return np.where(late, week, 0).astype(np.int32)


def _goes_with(rng: np.random.Generator) -> np.ndarray:
    """(K, K): from one category to the next; most stay, some go to the sister category, some to two complements."""
    kinds = len(vocabulary.RANGES)
    table = np.full((kinds, kinds), 0.15 / kinds)
    departments = np.array([entry.department for entry in vocabulary.RANGES])
    table[np.arange(kinds), np.arange(kinds)] += 0.35
    table += 0.15 * ((departments[:, None] == departments) & ~np.eye(kinds, dtype=bool))
    for row in table:
        first, second = rng.permutation(kinds)[:2]
        row[first] += 0.22
        row[second] += 0.13
    return table / table.sum(axis=1, keepdims=True)


def _followers(
    rng: np.random.Generator, category: np.ndarray, band: np.ndarray, attraction: np.ndarray, goes_with: np.ndarray
) -> np.ndarray:
    """(n_items, 6) codes: what an item leads to: in categories that go with its own, near its price, well liked."""
    items, slots = len(category), len(FOLLOWER_WEIGHTS)
    order = np.argsort(category * 3 + band, kind="stable")
    group = (category * 3 + band)[order]
    mass = np.concatenate([[0.0], np.cumsum(np.sqrt(attraction[order]))])
    first, last = np.searchsorted(group, np.arange(GROUPS)), np.searchsorted(group, np.arange(GROUPS), side="right")
    followers = np.empty((items, slots), dtype=np.int32)
    for slot in range(slots):
        kind = (
            (rng.random(items)[:, None] > np.cumsum(goes_with[category], axis=1))
            .sum(axis=1)
            .clip(max=len(goes_with) - 1)
        )
        near = np.clip(band + np.where(rng.random(items) < 0.25, np.sign(rng.random(items) - 0.5), 0), 0, 2)
        places = (kind * 3 + near).astype(np.int64)
        aim = mass[first[places]] + rng.random(items) * (mass[last[places]] - mass[first[places]])
        found = order[np.clip(np.searchsorted(mass, aim, side="right") - 1, first[places], last[places] - 1)]
        followers[:, slot] = np.where(found == np.arange(items), (found + 1) % items, found)
    return followers


def _tastes(rng: np.random.Generator, country: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Tastes (n_users, K) at the start and at the end: a few loved categories, some lost or found on the way."""
    shape = (len(country), len(vocabulary.RANGES))
    local = 0.5 * _normal(rng, (len(vocabulary.COUNTRIES), shape[1]))[country]
    before = 1.4 * _normal(rng, shape)
    after = 0.65 * before + 1.05 * _normal(rng, shape)
    tastes = (np.exp(local + before), np.exp(local + after))
    return tastes[0] / tastes[0].sum(axis=1, keepdims=True), tastes[1] / tastes[1].sum(axis=1, keepdims=True)


def _season(weeks: int) -> np.ndarray:
    """(W, K) factor, at least 1: how much better a category sells in that week than in its worst."""
    season = np.ones((weeks, len(vocabulary.RANGES)))
    week = np.arange(weeks)
    for place, entry in enumerate(vocabulary.RANGES):
        peak, more = vocabulary.SEASONS.get(entry.name, (0, 1.0))
        season[:, place] += (more - 1) * (0.5 + 0.5 * np.cos(2 * np.pi * (week - peak) / 52)) ** 3
    return season


def _items(rng: np.random.Generator, truth: Truth) -> pd.DataFrame:
    kinds = truth.category
    middle = np.array([entry.price for entry in vocabulary.RANGES])[kinds] * np.array(vocabulary.BAND_PRICE)[truth.band]
    price = np.round(middle * np.exp(0.18 * _normal(rng, len(kinds)))) - np.where(
        rng.random(len(kinds)) < 0.6, 0.01, 0.5
    )
    earlier = np.floor(rng.random(len(kinds)) * 400 * 86_400).astype(np.int64)
    return pd.DataFrame(
        {
            ITEM_ID: _ids("I", len(kinds)),
            CATEGORY: [f"{vocabulary.RANGES[kind].department}|{vocabulary.RANGES[kind].name}" for kind in kinds],
            PRICE: np.round(np.maximum(price, 1.5), 2),
            CREATION_TIMESTAMP: START + np.where(truth.born > 0, truth.born.astype(np.int64) * WEEK, -earlier),
            TITLE: _titles(rng, kinds),
        }
    )


def _titles(rng: np.random.Generator, kinds: np.ndarray) -> list[str]:
    """A different product name for every item: brand, product, colour, and a number once these are used up."""
    brands, colours = vocabulary.BRANDS, vocabulary.COLOURS
    titles = [""] * len(kinds)
    for kind, entry in enumerate(vocabulary.RANGES):
        names = [f"{brand} {product}, {colour}" for product in entry.products for brand in brands for colour in colours]
        order = rng.permutation(len(names))
        for place, item in enumerate(np.flatnonzero(kinds == kind)):
            edition, name = divmod(place, len(names))
            titles[item] = names[order[name]] + (f" No. {edition + 1}" if edition else "")
    return titles


def _users(country: np.ndarray) -> pd.DataFrame:
    names = np.array([name for name, _ in vocabulary.COUNTRIES], dtype=object)
    return pd.DataFrame({USER_ID: _ids("U", len(country)), COUNTRY: names[country]})


def _ids(letter: str, count: int) -> list[str]:
    width = max(4, len(str(count)))
    return [f"{letter}{number:0{width}d}" for number in range(1, count + 1)]


def _normal(rng: np.random.Generator, shape: int | tuple[int, ...]) -> np.ndarray:
    """Standard normal numbers from uniform ones, which stay the same from one numpy version to the next."""
    return ndtri(np.maximum(rng.random(shape), 1e-12))


def _choose(rng: np.random.Generator, shares: list[float], count: int) -> np.ndarray:
    return np.searchsorted(np.cumsum(shares)[:-1], rng.random(count), side="right")
