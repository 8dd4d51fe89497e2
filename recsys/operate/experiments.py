"""What an experiment found: what the users of each variant did from their first answer on."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from recsys import metrics
from recsys.columns import TIMESTAMP, USER_ID
from recsys.errors import DataError
from recsys.operate.exposures import SERVED, SHARE, VARIANT

SUSPICIOUS = 0.001  # a split of the users less likely than this is no chance: something loses some of them
ROUNDED = 1e-6  # of a share
SERVING = 0.95  # of a variant's answers are its own, or something is wrong with its campaign


@dataclass(frozen=True)
class Verdict:
    """An experiment's variants side by side.

    table: columns variant, users, served (share of the answers that were the variant's own), converted (share of the
    users with an event after they were first answered) and events (of a user, from then on), these two with the low and
    high end of their 95 % interval over users. lift: variant -> its events a user over the baseline's. sample_ratio: p
    of the chi-squared test that the weights drew these numbers of users; below SUSPICIOUS nothing here is to be
    trusted; NaN where the weights are not known. strayed: users seen in several variants, who count nowhere.
    """

    baseline: str
    table: pd.DataFrame
    lift: dict[str, metrics.Interval]
    sample_ratio: float
    strayed: int

    def rows(self) -> list[dict[str, str]]:
        """The table as text, a row for each variant."""
        return [self._row(entry) for entry in self.table.itertuples()]

    def split(self) -> str:
        """How the users are shared, and how often chance shares them at least as unevenly."""
        users = " against ".join(f"{count:,}" for count in self.table["users"])
        if np.isnan(self.sample_ratio):
            return f"{users} users"
        return f"{users} users: chance splits them at least so unevenly in {self.sample_ratio:.1%} of experiments"

    def notes(self) -> list[str]:
        """What to know before the table is believed."""
        notes = []
        if self.sample_ratio < SUSPICIOUS:
            notes.append(
                f"the users are not shared as the weights say (p = {self.sample_ratio:.1g}): a variant loses users "
                "before it is counted; believe none of this"
            )
        if np.isnan(self.sample_ratio):
            notes.append(
                "the weights were changed meanwhile, or the log does not tell them: whether a variant loses users "
                "before it is counted is not known"
            )
        for name, share in zip(self.table["variant"], self.table["served"], strict=True):
            if share < SERVING:
                notes.append(
                    f"only {share:.1%} of the answers in {name} were its own, the rest were everybody's: this says "
                    "little of it; the API function's log says why, at WARNING"
                )
        if self.strayed:
            notes.append(f"{self.strayed:,} users were in several variants, as weights or variants changed: left out")
        return notes

    def _row(self, entry: Any) -> dict[str, str]:
        lift = self.lift.get(entry.variant)
        over = "" if lift is None or np.isnan(lift.mean) else f"× {_spread(*lift)}"
        return {
            "variant": entry.variant,
            "users": f"{entry.users:,}",
            "served": f"{entry.served:.1%}",
            "converted": f"{entry.converted:.1%} ({entry.converted_low:.1%} to {entry.converted_high:.1%})",
            "events a user": _spread(entry.events, entry.events_low, entry.events_high),
            f"over {self.baseline}": over,
        }


def compare(
    exposed: pd.DataFrame,
    events: pd.DataFrame,
    baseline: str | None = None,
    seed: int = 0,
) -> Verdict:
    """What the users of each variant did from their first answer on.

    exposed: as `exposures` gives it. events: USER_ID, TIMESTAMP (epoch seconds); those that matter, such as purchases.
    All of a variant's users count, also those whom another campaign had to answer: leaving them out would compare
    unlike users. baseline: what the others are held against; the variant with most users.

    Raises DataError for a baseline that is no variant, or where users are in less than two variants.
    """
    variants = exposed.groupby(USER_ID)[VARIANT].agg(["nunique", "first"])
    faithful = variants.loc[variants["nunique"] == 1, "first"]
    sizes = faithful.value_counts()
    _check(sizes, baseline, len(variants))
    base = baseline or sizes.index[0]
    counts = _afterwards(exposed, events).reindex(faithful.index, fill_value=0).groupby(faithful)
    of = {name: each.to_numpy(np.float64) for name, each in counts}
    served = exposed.groupby(VARIANT)[SERVED].mean()
    table = pd.DataFrame([{"variant": name, "users": len(each), **_told(each, seed)} for name, each in of.items()])
    table.insert(2, "served", table["variant"].map(served))
    lift = {name: metrics.bootstrap_lift(each, of[base], seed) for name, each in of.items() if name != base}
    return Verdict(base, table, lift, _chance(sizes, exposed.groupby(VARIANT)[SHARE]), len(variants) - len(faithful))


def so_far(
    exposed: pd.DataFrame, events: pd.DataFrame, variant: str, baseline: str, points: int = 20, seed: int = 0
) -> pd.DataFrame:
    """A variant's lift as `compare` would have told it after more and more users: columns users, mean, low, high.

    Users come in the order of their first answer. Left out is what is no number yet: as long as one of the two has no
    users, the variant no event, or the baseline so few that a resample may hold none.
    """
    order = exposed.drop_duplicates(USER_ID)[USER_ID].to_numpy()
    rows = []
    for count in np.unique(np.linspace(0, len(order), points + 1).astype(int)[1:]):
        met = exposed[exposed[USER_ID].isin(order[:count])]
        if {variant, baseline} <= set(met[VARIANT]):
            lift = compare(met, events, baseline, seed=seed).lift[variant]
            rows.append((count, *lift))
    table = pd.DataFrame(rows, columns=["users", "mean", "low", "high"])
    return table[np.isfinite(table).all(axis=1) & (table["high"] > 0)]


def smallest_lift(events: np.ndarray, share: float) -> float:
    """The smallest lift that an experiment with these users shows four times in five, such as .1 for a tenth more.

    events: (n_users,) of each without it. share: of the users, in one of its two variants. Raises DataError where
    nobody did anything.
    """
    if not np.any(events):
        raise DataError("smallest_lift: none of these users did anything, so that no lift can be told")
    return metrics.lift_seen(events, len(events), share)


def _spread(mean: float, low: float, high: float) -> str:
    """
    >>> _spread(2.5578, 1.551, 4.5369)
    '2.56 (1.55 to 4.54)'
    >>> _spread(123.4, 99.96, 1500)
    '123 (100 to 1,500)'
    """
    told, least, most = (f"{value:,.0f}" if value >= 99.95 else f"{value:#.3g}" for value in (mean, low, high))
    return f"{told} ({least} to {most})"


def _afterwards(exposed: pd.DataFrame, events: pd.DataFrame) -> pd.Series:
    """Events of each user since the first answer."""
    first = exposed.groupby(USER_ID)[TIMESTAMP].min()
    since = events[USER_ID].map(first)
    return events.loc[events[TIMESTAMP] >= since, USER_ID].value_counts()


def _told(counts: np.ndarray, seed: int) -> dict[str, Any]:
    converted, events = metrics.bootstrap(counts > 0, seed), metrics.bootstrap(counts, seed)
    return {
        **{"converted": converted.mean, "converted_low": converted.low, "converted_high": converted.high},
        **{"events": events.mean, "events_low": events.low, "events_high": events.high},
    }


def _chance(sizes: pd.Series, told: Any) -> float:
    """Of numbers of users at least as unlike the weights as these (chi-squared test); `told` are shares by variant.

    NaN where these are not one number for each variant.
    """
    from scipy.stats import chisquare  # slow to import

    shares = told.first().astype(float)
    unseen = 1 - shares.sum()
    if shares.isna().any() or (told.nunique(dropna=False) > 1).any() or unseen < -ROUNDED:
        return float("nan")
    found, shares = [*sizes.reindex(shares.index, fill_value=0)], [*shares]
    if unseen > ROUNDED:  # of variants that nobody came to
        found, shares = [*found, 0], [*shares, unseen]
    return float(chisquare(found, np.array(shares) / sum(shares) * sum(found)).pvalue)


def _check(sizes: pd.Series, baseline: str | None, users: int) -> None:
    known = ", ".join(sorted(sizes.index))
    if sizes.empty:
        raise DataError(f"each of the {users:,} users was in several variants: there is nothing to compare")
    if len(sizes) < 2:
        raise DataError(
            f"users of a single variant, {known}: there is nothing to compare; let more users come, or draw them anew "
            "by another name of the experiment"
        )
    if baseline and baseline not in sizes:
        raise DataError(f"no user is in a variant {baseline}, only in {known}")
