"""The cross-entropy of what came next and its gradients, worked out together: logits never leave the cache.

Tensors are torch's; the functions need nothing of torch but their methods.
"""

from typing import Any, NamedTuple

CACHED = 600_000  # logits at a time on a CPU
ON_GPU = 60_000_000


class Gradients(NamedTuple):
    """Of the mean loss, by state (m, width), items (n_items, width) and offset (n_items,)."""

    loss: float
    state: Any
    items: Any
    offset: Any


def full(
    state: Any, items: Any, offset: Any, targets: Any, weights: Any, seen: Any = None, half: Any = None
) -> Gradients:
    """Softmax over all items. state: (m, width), targets: (m,) codes, weights: (m,), of sum 1.

    seen: (m, any) codes that are no candidates, of which none is the target. half: a shorter type for the products.
    """
    rows = max(16, (ON_GPU if state.is_cuda else CACHED) // len(items))
    short = (lambda tensor: tensor) if half is None else (lambda tensor: tensor.to(half))
    by_state, by_items, by_offset = (
        state.new_empty(state.shape),
        items.new_zeros(items.shape),
        offset.new_zeros(offset.shape),
    )
    table, loss = short(items), 0.0
    for start in range(0, len(state), rows):
        part = slice(start, start + rows)
        here, target = short(state[part]), targets[part, None]
        logits = (here @ table.T).float() if half is not None else here @ table.T
        logits += offset
        if seen is not None:
            logits.scatter_(1, seen[part], float("-inf"))
        logits -= logits.amax(1, keepdim=True)
        found = logits.gather(1, target)
        sums = logits.exp_().sum(1, keepdim=True)
        weight = weights[part, None]
        loss += float(((sums.log() - found) * weight).sum())
        error = logits.mul_(weight / sums)
        error.scatter_add_(1, target, -weight)
        by_offset += error.sum(0)
        error = short(error)
        by_state[part] = error @ table
        by_items += error.T @ here
    return Gradients(loss, by_state, by_items, by_offset)


def sampled(
    state: Any, items: Any, offset: Any, targets: Any, weights: Any, drawn: Any, log_expected: Any
) -> Gradients:
    """The same over each target and `drawn` (k,) items alone, for catalogues too large for all.

    log_expected: (k,) logarithms of how often each was to be drawn, which are taken off its logits, so that the sum
    over what was drawn stands for the sum over all (logQ correction: Bengio and Senecal, 2008).
    """
    others, own = items[drawn], items[targets]
    logits = state @ others.T
    logits += offset[drawn] - log_expected
    logits.masked_fill_(drawn == targets[:, None], float("-inf"))
    found = (state * own).sum(1, keepdim=True) + offset[targets, None]
    highest = logits.amax(1, keepdim=True).maximum(found)
    logits.sub_(highest).exp_()
    found = found - highest
    hit = found.exp()
    sums = logits.sum(1, keepdim=True) + hit
    weight = weights[:, None]
    loss = float(((sums.log() - found) * weight).sum())
    error, miss = logits.mul_(weight / sums), weight * (hit / sums - 1)
    by_items, by_offset = items.new_zeros(items.shape), offset.new_zeros(offset.shape)
    by_items.index_add_(0, drawn, error.T @ state).index_add_(0, targets, miss * state)
    by_offset.index_add_(0, drawn, error.sum(0)).index_add_(0, targets, miss[:, 0])
    return Gradients(loss, error @ others + miss * own, by_items, by_offset)
