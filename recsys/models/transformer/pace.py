"""How long a training goes on: by counted work, so that a seed gives one model, and by the clock where that is late."""

import math
import time
from collections.abc import Iterator

SECONDS_A_FLOP = 2.5e-11  # two ordinary cores of 2026, matrices of width 64
GPU = 20.0  # times the work of two cores in the same time
PLANNED, START = 0.7, 0.2  # of the seconds, by counted work: the steps, and what they start from
# Over the events: fewer are not served. NDCG@10 on Online Retail was .101, .136, .153 after .02, .25 and .5 of a pass.
LEAST_PASSES = 0.25
MOST_PASSES = 12.0  # over the events; with 20, the likelihood of held-out events of MovieLens-100k falls again
UPDATE = 100  # multiplications that the update of one weight takes the time of, which is memory's
EXPONENTIAL = 30  # multiplications that one exponential takes the time of


def flops_a_target(width: int, blocks: int, inner: int, length: int, candidates: int) -> float:
    """Forward and backward, three products for each weight: blocks, attention over half the length, and softmax."""
    block = 6 * (4 * width**2 + 2 * width * inner) + 6 * length * width
    return blocks * block + (6 * width + EXPONENTIAL) * candidates


def planned_steps(targets: int, size: int, flops: float, seconds: float, speed: float = 1.0) -> int:
    """Steps of `size` targets, of the `targets` of one pass, that fit into the seconds on two ordinary cores.

    speed: of this device beside those.
    """
    passes = max(1, int(MOST_PASSES * targets / size))
    return int(min(passes, PLANNED * seconds * speed / (size * flops * SECONDS_A_FLOP)))


def least_steps(targets: int, size: int) -> int:
    """Steps without which a training is given up."""
    return math.ceil(LEAST_PASSES * targets / size)


def progress(steps: int, end: float) -> Iterator[float]:
    """From 0 to below 1, one for each step: counted, or the clock's where that is further on.

    end: time.monotonic() at which it is over; the clock starts to count halfway there. A machine slower than planned
    for thus ends its training in time and in order, with fewer steps.
    """
    start = time.monotonic()
    seconds = end - start
    for step in range(steps if seconds > 0 else 0):
        done = max(step / steps, 2 * (time.monotonic() - start) / seconds - 1)
        if done >= 1:
            return
        yield done
