"""A transformer learns what comes next: the only module that needs torch, and only once it trains.

    python -m pip install -e ".[transformer]"

On a GPU where torch sees one, with bfloat16 products where the processor has them. The same seed and threads give the
same weights on one machine, unless the clock ends the training (pace.py) or a GPU adds up in another order.
"""

import logging
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np

from recsys.errors import ModelError
from recsys.models.sequences import Sequences
from recsys.models.transformer import softmax
from recsys.models.transformer.embeddings import embeddings
from recsys.models.transformer.forward import HEAD, SMALLEST, Forward
from recsys.models.transformer.pace import (
    GPU,
    LEAST_PASSES,
    MOST_PASSES,
    START,
    UPDATE,
    flops_a_target,
    least_steps,
    planned_steps,
    progress,
)
from recsys.models.transformer.windows import Batch, batches

WIDTH, BLOCKS, INNER = 64, 2, 256
SHORTEST, LONGEST = 8, 200  # newest events that are looked at
BATCH, STEPS_A_PASS = 1024, 20  # targets of a step, and fewer where a pass would have too few steps
RATE, LAST_RATE, WARM = 4e-3, 0.02, 0.05  # AdamW's; the last step's share of it; the share of steps it rises in
MORE_RATE = 0.1  # of RATE, to learn from more users
DROPPED = 0.2  # of the states where the events are passed as often as they may be, and less with fewer passes
DECAY = 0.01
EMBEDDED, PLAIN = 0.05, 0.02  # root mean square of item embeddings and of the positions' at the start
FULL_ITEMS, DRAWN = 20_000, 1024  # candidates of the softmax: all items up to here, else so many drawn
DECAYED = ("items", "qkv", "out", "up", "down")

log = logging.getLogger(__name__)


def available() -> bool:
    """Whether torch can be imported, which takes seconds; it may be there and lack a library of its own."""
    try:
        import_module("torch")
    except (ImportError, OSError):
        return False
    return True


@dataclass
class Training:
    """How transformers are trained; seconds: of all trainings together, at most, by the clock.

    What a training starts from has its share of them by counted work; the steps end where the clock says so.
    """

    seed: int = 0
    threads: int = 2
    seconds: float = 60.0
    left: float = field(init=False)

    def __post_init__(self) -> None:
        self.left = self.seconds

    def learn(self, seqs: Sequences, seen: bool, start: Forward | None = None) -> Forward | None:
        """A transformer of the events, or at most one pass over them for one that is there.

        seen: whether people come back to what they had; else that is no candidate in a softmax over all items. None,
        and a warning in the log, where too little of a pass fits into the seconds that are left: by counted work, or by
        the clock of a machine slower than that. Raises ModelError without torch.
        """
        began = time.monotonic()
        if not available():
            raise ModelError('a transformer is trained with torch, which is missing: pip install -e ".[transformer]"')
        try:
            return self._learned(seqs, seen, start, began + self.left)
        finally:
            self.left = max(0.0, self.left - (time.monotonic() - began))

    def _learned(self, seqs: Sequences, seen: bool, start: Forward | None, end: float) -> Forward | None:
        targets, rng = int(seqs.lengths.sum() - np.count_nonzero(seqs.lengths)), np.random.default_rng(self.seed)
        if targets == 0:
            return start or Forward(first_arrays(seqs, rng))
        size = int(np.clip(targets // STEPS_A_PASS, 32, BATCH))
        with _torch(self.seed, self.threads if size == BATCH else 1) as device:
            planned, least = self._planned(seqs, targets, size, device), least_steps(targets, size)
            if start:
                planned, least = -(-targets // size), 0
            if planned < least:
                return self._given_up(planned, targets, size)
            arrays = start.arrays if start else first_arrays(seqs, rng, START * self.left)
            steps = _Steps(arrays, seqs, seen, device, rng)
            steps.dropped = DROPPED * min(1.0, planned * size / targets / MOST_PASSES)
            stream = _endless(seqs, len(arrays["positions"]), size, rng)
            for done in progress(planned, end):
                steps.take(next(stream), RATE * (MORE_RATE if start else _risen(done)))
            enough = steps.taken >= least
            return Forward(steps.arrays()) if enough else self._given_up(steps.taken, targets, size)

    def _given_up(self, steps: int, targets: int, size: int) -> None:
        log.warning(
            "The transformer is given up: %.2g of a pass over the events fits into %g s, and %g is the least; "
            "more seconds, threads or a GPU would do.",
            *(steps * size / targets, self.seconds, LEAST_PASSES),
        )

    def _planned(self, seqs: Sequences, targets: int, size: int, device: str) -> int:
        flops = flops_a_target(WIDTH, BLOCKS, INNER, _length(seqs), _candidates(seqs.n_items))
        flops += UPDATE * seqs.n_items * WIDTH / size
        speed = GPU if device == "cuda" else min(self.threads, 4) / 2
        return planned_steps(targets, size, flops, self.left, speed)


def _risen(done: float) -> float:
    """The share of the highest rate: it rises, then falls evenly to LAST_RATE."""
    return done / WARM + LAST_RATE if done < WARM else max(LAST_RATE, (1 - done) / (1 - WARM))


def _length(seqs: Sequences) -> int:
    return int(np.clip(np.quantile(seqs.lengths, 0.75), SHORTEST, LONGEST))


def _candidates(n_items: int) -> int:
    return n_items if n_items <= FULL_ITEMS else DRAWN


def first_arrays(seqs: Sequences, rng: np.random.Generator, seconds: float = np.inf) -> dict[str, np.ndarray]:
    """The arrays that training starts from, found in about the seconds: forward.py says what they are."""

    def chance(*shape: int, scale: float) -> np.ndarray:
        return (rng.standard_normal(shape) * scale).astype(np.float32)

    counts = np.bincount(seqs.codes, minlength=seqs.n_items) + 0.1
    norms = np.stack([np.ones((2 * BLOCKS + 1, WIDTH)), np.zeros((2 * BLOCKS + 1, WIDTH))], axis=1)
    return {
        "items": np.float32(EMBEDDED) * embeddings(seqs, WIDTH, rng, seconds),
        "positions": chance(_length(seqs), WIDTH, scale=PLAIN),
        "offset": np.log(counts / counts.sum()).astype(np.float32),
        "qkv": chance(BLOCKS, WIDTH, 3 * WIDTH, scale=WIDTH**-0.5),
        "out": chance(BLOCKS, WIDTH, WIDTH, scale=WIDTH**-0.5 / 2),
        "up": chance(BLOCKS, WIDTH, INNER, scale=WIDTH**-0.5),
        "down": chance(BLOCKS, INNER, WIDTH, scale=INNER**-0.5 / 2),
        "norms": norms.astype(np.float32),
    }


def _endless(seqs: Sequences, length: int, size: int, rng: np.random.Generator) -> Iterator[Batch]:
    while True:
        yield from batches(seqs, length, size, rng)


@contextmanager
def _torch(seed: int, threads: int) -> Iterator[str]:
    """The device that torch is to use; its threads and its chance are as before afterwards."""
    import torch

    device = "cuda" if torch.cuda.is_available() else "cpu"
    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        with torch.random.fork_rng(devices=[0] if device == "cuda" else []):
            torch.manual_seed(seed)
            yield device
    finally:
        torch.set_num_threads(before)


class _Steps:
    """The weights under way, and what AdamW remembers of them."""

    def __init__(
        self, arrays: dict[str, np.ndarray], seqs: Sequences, seen: bool, device: str, rng: np.random.Generator
    ) -> None:
        import torch

        self._torch, self._device, self._repeat, self._rng = torch, device, seen, rng
        self.weights = {name: torch.tensor(array, device=device, requires_grad=True) for name, array in arrays.items()}
        self.candidates, self.dropped, self.taken = _candidates(seqs.n_items), 0.0, 0
        self._half = _half(torch, device)
        groups = [
            {
                "params": [each for name, each in self.weights.items() if (name in DECAYED) == decayed],
                "weight_decay": decay,
            }
            for decayed, decay in ((True, DECAY), (False, 0.0))
        ]
        self._optimizer = torch.optim.AdamW(groups, betas=(0.9, 0.98), fused=True)
        share = (np.bincount(seqs.codes, minlength=seqs.n_items) + 1.0) / (seqs.n_events + seqs.n_items)
        self._share, self._reach = share, np.cumsum(share)

    def take(self, batch: Batch, rate: float) -> None:
        """One step at this rate."""
        self.taken += 1
        torch, weights = self._torch, self.weights
        codes, targets = self._tensor(batch.codes), self._tensor(batch.targets)
        counted = batch.weights if self._repeat else batch.weights * ~_had(batch)
        if not counted.any():
            return
        with torch.autocast(self._device, self._half, enabled=self._half is not None):
            states = hidden(torch, weights, codes, self.dropped)
        real = self._tensor(np.flatnonzero(counted))
        state = states.detach().reshape(-1, states.shape[-1])[real].float()
        share = self._tensor((counted[counted > 0] / counted.sum()).astype(np.float32))
        found = self._gradients(state, targets.reshape(-1)[real], share, codes, real)
        self._optimizer.zero_grad()
        by_state = torch.zeros(states.numel() // states.shape[-1], states.shape[-1], device=self._device)
        by_state[real] = found.state
        states.backward(by_state.reshape(states.shape).to(states.dtype))
        weights["items"].grad += found.items
        weights["offset"].grad = found.offset
        for group in self._optimizer.param_groups:
            group["lr"] = rate
        self._optimizer.step()

    def arrays(self) -> dict[str, np.ndarray]:
        return {name: each.detach().cpu().numpy().copy() for name, each in self.weights.items()}

    def _gradients(self, state: Any, targets: Any, share: Any, codes: Any, real: Any) -> softmax.Gradients:
        items, offset = self.weights["items"].detach(), self.weights["offset"].detach()
        if self.candidates == len(items):
            seen = None if self._repeat else self._seen(codes, real)
            return softmax.full(state, items, offset, targets, share, seen, self._half)
        drawn = np.searchsorted(self._reach, self._rng.random(DRAWN) * self._reach[-1]).clip(max=len(items) - 1)
        log_expected = np.log(DRAWN * self._share[drawn]).astype(np.float32)
        return softmax.sampled(state, items, offset, targets, share, self._tensor(drawn), self._tensor(log_expected))

    def _seen(self, codes: Any, real: Any) -> Any:
        """(m, width) what a window holds up to each of its positions `real`; filled up with its first."""
        row, at = real // codes.shape[1], real % codes.shape[1]
        window = codes[row]
        until = self._torch.arange(codes.shape[1], device=self._device) <= at[:, None]
        return self._torch.where(until, window, window[:, :1])

    def _tensor(self, array: np.ndarray) -> Any:
        return self._torch.from_numpy(np.ascontiguousarray(array)).to(self._device)


def hidden(torch: Any, weights: dict[str, Any], codes: Any, dropped: float = 0.0) -> Any:
    """The states (n, positions, width) after every position of codes (n, positions), as Forward has them."""
    from torch.nn import functional

    n, positions = codes.shape
    width = weights["items"].shape[1]

    def norm(which: int, state: Any) -> Any:
        scale, shift = weights["norms"][which]
        return functional.layer_norm(state, (width,), scale, shift, float(SMALLEST))

    state = functional.embedding(codes, weights["items"]) * width**0.5 + weights["positions"][:positions]
    state = functional.dropout(state, dropped)
    for block in range(len(weights["qkv"])):
        both = norm(2 * block, state) @ weights["qkv"][block]
        queries, keys, values = both.reshape(n, positions, 3, -1, HEAD).permute(2, 0, 3, 1, 4)
        read = functional.scaled_dot_product_attention(queries, keys, values, is_causal=True)
        read = read.transpose(1, 2).reshape(n, positions, width) @ weights["out"][block]
        state = state + functional.dropout(read, dropped)
        inner = functional.relu(norm(2 * block + 1, state) @ weights["up"][block])
        state = state + functional.dropout(inner @ weights["down"][block], dropped)
    return norm(-1, state)


def _had(batch: Batch) -> np.ndarray:
    """(n, positions) bool: targets that stand earlier in their window."""
    return np.tril(batch.codes[:, None, :] == batch.targets[:, :, None]).any(axis=2)


def _half(torch: Any, device: str) -> Any:
    """bfloat16 where the processor multiplies it, None where it would only be emulated."""
    if device == "cuda":
        return torch.bfloat16 if torch.cuda.get_device_capability() >= (8, 0) else None
    flags = Path("/proc/cpuinfo")
    has = flags.is_file() and any(flag in flags.read_text() for flag in ("avx512_bf16", "amx_bf16"))
    return torch.bfloat16 if has else None
