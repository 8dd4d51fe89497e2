"""The inner loops of training, compiled: what arrays at a time would carry through memory again and again.

numba compiles a loop when it is first called, which takes a second or two, and keeps it beside this file for the next
process. To import it takes half a second, which whoever only serves never needs: import this module where it is used.
"""

from collections.abc import Callable

import numpy as np
from numba import njit

# Sums in any order and products added in one step, as vector units work; infinities keep their meaning. Other
# threads go on meanwhile.
OPTIONS = {"nogil": True, "fastmath": {"contract", "reassoc", "nsz"}, "error_model": "numpy"}


def compiled(function: Callable) -> Callable:
    """The function compiled, and kept where there is a folder to keep it in."""
    try:
        return njit(function, cache=True, **OPTIONS)
    except RuntimeError:  # numba found none that can be written to
        return njit(function, **OPTIONS)


@compiled
def add_pairs(
    events: np.ndarray,
    after: np.ndarray,
    codes: np.ndarray,
    by_lag: np.ndarray,
    lags: np.ndarray,
    early: np.ndarray,
    late: np.ndarray,
    out: np.ndarray,
) -> None:
    """out[k, item of a, item of b] += by_lag[k, lag - 1] * early[a] * late[b] for each event b that is `lag` after a.

    events: (n,) places a, those of an item next to each other: their sum is of doubles, as a float that is large takes
    in nothing small. after: (n,) how many events of the same user follow. by_lag: (scales, most lags), of which lags
    (scales,) count. early, late: (n_events,) float32, or empty where all weigh alike. out: (scales, n_items, n_items)
    float32.
    """
    total = np.zeros((len(lags), out.shape[2]))
    for i in range(len(events)):
        a = events[i]
        weight = early[a] if len(early) else np.float32(1)
        for k in range(len(lags)):
            row, values = total[k], by_lag[k]
            for b in range(min(after[i], lags[k])):
                value = weight * values[b] * late[a + 1 + b] if len(late) else weight * values[b]
                row[codes[a + 1 + b]] += value
        if i + 1 == len(events) or codes[events[i + 1]] != codes[a]:
            for k in range(len(lags)):
                for c in range(out.shape[2]):
                    out[k, codes[a], c] += total[k, c]
                    total[k, c] = 0


@compiled
def add_shared(
    starts: np.ndarray,
    users: np.ndarray,
    values: np.ndarray,
    offsets: np.ndarray,
    codes: np.ndarray,
    others: np.ndarray,
    worth: float,
    out: np.ndarray,
) -> None:
    """out[i, j] += worth * the sum over users of the value of i times the other value of j.

    users, values: of item i from starts[i] to starts[i + 1]; codes, others: of a user, by offsets. out: (n_items,
    n_items) float32, whose row the cache holds: a sparse product of scipy's, made dense and added, takes four times as
    long.
    """
    for i in range(len(starts) - 1):
        row = out[i]
        for place in range(starts[i], starts[i + 1]):
            value = np.float32(worth) * values[place]
            for other in range(offsets[users[place]], offsets[users[place] + 1]):
                row[codes[other]] += value * others[other]


@compiled
def add_both_ways(
    first: np.ndarray,
    second: np.ndarray,
    along: tuple[float, float],
    across: tuple[float, float],
    upper: bool,
    out: np.ndarray,
) -> None:
    """out += along[0] * first + along[1] * second + their transposes by `across`; all (n, n) float32.

    Tile by tile: of a transposed table the cache holds no more, and of its rows only long runs come quickly. upper:
    what is below the diagonal of `out` is of no use, and may be left undone.
    """
    n, height, width = len(out), 1024, 16
    a, b, c, d = np.float32(along[0]), np.float32(along[1]), np.float32(across[0]), np.float32(across[1])
    turned = np.empty((height, width), np.float32)
    for top in range(0, n, height):
        bottom = min(top + height, n)
        for left in range(top if upper else 0, n, width):
            right = min(left + width, n)
            for j in range(left, right):
                for i in range(top, bottom):
                    turned[i - top, j - left] = c * first[j, i] + d * second[j, i]
            for i in range(top, bottom):
                for j in range(left, right):
                    out[i, j] += a * first[i, j] + b * second[i, j] + turned[i - top, j - left]


@compiled
def run_on(
    codes: np.ndarray,
    low: int,
    first: np.ndarray,
    kept: np.ndarray,
    rows: np.ndarray,
    decays: np.ndarray,
    seen: bool,
    usual: np.ndarray,
    prior: np.ndarray,
    state: np.ndarray,
    logits: np.ndarray,
) -> None:
    """Fill logits (window, columns): of event t, what was expected of the user and the states before it.

    codes, first (the user's first event), kept (its weight in histories): (window,). rows: (n_items, scales, columns),
    a column for each code from `low` on. prior (columns,) and state (scales, columns) move on: they are `usual` and 0
    at a user's first event, and without `seen` the prior is -inf at what the user had.
    """
    for t in range(len(codes)):
        if first[t]:
            _copy(usual, prior)
            state[:] = 0
        _copy(prior, logits[t])
        for k in range(len(decays)):
            _absorb(state[k], logits[t], decays[k], kept[t], rows[codes[t], k])
        if not seen and 0 <= codes[t] - low < len(prior):
            prior[codes[t] - low] = -np.inf


@compiled
def _copy(values: np.ndarray, out: np.ndarray) -> None:
    """Plain assignment takes numba five seconds more to compile."""
    for c in range(len(out)):
        out[c] = values[c]


@compiled
def _absorb(state: np.ndarray, total: np.ndarray, decay: float, weight: float, row: np.ndarray) -> None:
    for c in range(len(state)):
        total[c] += state[c]
        state[c] = decay * state[c] + weight * row[c]


@compiled
def exponentials(logits: np.ndarray, sums: np.ndarray) -> None:
    """exp(logits) (window, columns) float32 in their place, and the sum of each row.

    Within 5e-6 of each, but never below 2^-58 nor above 2^100: smaller ones, times others, would be too small for the
    processor to calculate with quickly. numpy takes three times as long.
    """
    powers = np.empty(logits.shape[1], np.int32)
    for t in range(len(logits)):
        _raise(logits[t], powers)
        sums[t] = _scale(logits[t], powers.view(np.float32))


@compiled
def _raise(x: np.ndarray, powers: np.ndarray) -> None:
    """x = 2^n * 2^f for |f| <= 1/2: 2^f by its Taylor polynomial in place, n as the bits of 2^n."""
    for c in range(len(x)):
        y = min(max(x[c] * np.float32(1.44269504), np.float32(-58)), np.float32(100))
        n = np.floor(y + np.float32(0.5))
        f = (y - n) * np.float32(0.69314718)
        powers[c] = (np.int32(n) + np.int32(127)) << np.int32(23)
        p = np.float32(1 / 120) + f * np.float32(1 / 720)
        p = np.float32(1 / 6) + f * (np.float32(1 / 24) + f * p)
        x[c] = np.float32(1) + f * (np.float32(1) + f * (np.float32(1 / 2) + f * p))


@compiled
def _scale(x: np.ndarray, powers: np.ndarray) -> float:
    total = np.float32(0)
    for c in range(len(x)):
        x[c] *= powers[c]
        total += x[c]
    return total


@compiled
def run_back(
    error: np.ndarray,
    worth: np.ndarray,
    places: np.ndarray,
    first: np.ndarray,
    kept: np.ndarray,
    decays: np.ndarray,
    gradient: np.ndarray,
) -> None:
    """Fill gradient (distinct items, scales, columns) from worth[t] * error[t] (columns,), the errors of the logits.

    places: (window,) where in `gradient` an event's item is. What follows the window is not seen.
    """
    after = np.zeros(gradient.shape[1:], np.float32)
    gradient[:] = 0
    for t in range(len(places) - 1, -1, -1):
        for k in range(len(decays)):
            _emit(after[k], gradient[places[t], k], decays[k], kept[t], worth[t], error[t])
        if first[t]:
            after[:] = 0


@compiled
def _emit(
    after: np.ndarray, gradient: np.ndarray, decay: float, weight: float, worth: float, error: np.ndarray
) -> None:
    for c in range(len(after)):
        gradient[c] += weight * after[c]
        after[c] = decay * after[c] + worth * error[c]


@compiled
def step(codes: np.ndarray, gradient: np.ndarray, rate: float, squares: np.ndarray, rows: np.ndarray) -> None:
    """Move the rows of distinct items against their gradients (items, scales, columns), by row-wise Adagrad.

    squares: (n_items, scales) float32, to which the gradients' squared lengths are added first.
    """
    for i in range(len(codes)):
        for k in range(gradient.shape[1]):
            _move(rows[codes[i], k], gradient[i, k], rate, squares[codes[i]], k)


@compiled
def _move(row: np.ndarray, gradient: np.ndarray, rate: float, squares: np.ndarray, k: int) -> None:
    length = np.float32(0)
    for c in range(len(gradient)):
        length += gradient[c] * gradient[c]
    squares[k] += length
    factor = np.float32(rate / np.sqrt(squares[k]))
    for c in range(len(row)):
        row[c] -= factor * gradient[c]


@compiled
def add_votes(
    newest: np.ndarray,
    weights: np.ndarray,
    starts: np.ndarray,
    by_item: np.ndarray,
    codes: np.ndarray,
    after: np.ndarray,
    worth: np.ndarray,
    most: int,
    following: np.ndarray,
    alike: np.ndarray,
    touched: np.ndarray,
    votes: np.ndarray,
) -> None:
    """votes[item n + 1 events after a place] += following[n] * alike^4, for every place that is like the newest events.

    A place's likeness is the sum of weights[a, b] over the newest events and those at it with the same item, which are
    a and b events old. newest: (m,) item codes, the newest first, no more than weights, (m, ages), has rows. starts:
    (n_items + 1,) where an item's places are in `by_item`; `most` of them count, evenly spaced. after: (n_events,) how
    many events of the same user follow. worth: (n_events,) float32 of being what followed, or empty. alike: (n_events,)
    float32, 0 before and after; touched: room for as many places as can be alike.
    """
    found = 0
    for a in range(len(newest)):
        low, high = starts[newest[a]], starts[newest[a] + 1]
        gap = max(1.0, (high - low) / most)
        for i in range(min(high - low, most)):
            event = by_item[low + np.int64(i * gap)]
            for b in range(min(after[event], weights.shape[1])):
                if alike[event + b] == 0:
                    touched[found] = event + b
                    found += 1
                alike[event + b] += weights[a, b]
    for i in range(found):
        place = touched[i]
        squared = alike[place] * alike[place]
        for event in range(place + 1, place + 1 + min(len(following), after[place])):
            vote = squared * squared * following[event - place - 1]
            votes[codes[event]] += vote * worth[event] if len(worth) else vote
        alike[place] = 0


@compiled
def add_rows(codes: np.ndarray, weights: np.ndarray, offsets: np.ndarray, steps: np.ndarray, out: np.ndarray) -> None:
    """out[i] += weights[a] * steps[codes[a]] * |steps[codes[a]]| for each event a from offsets[i] to offsets[i + 1].

    codes: (n_events,) int64; weights: (n_events,) float32; offsets: (n + 1,) int64; steps: (rows, n_items) int8,
    read-only; out: (n, n_items) float32.
    """
    for i in range(len(out)):
        total = out[i]
        for a in range(offsets[i], offsets[i + 1]):
            row, weight = steps[codes[a]], weights[a]
            for j in range(len(total)):
                step = np.float32(row[j])
                total[j] += weight * step * abs(step)
