"""The softmax twin climbs the likelihood it says it climbs, alone and in two processes."""

from dataclasses import replace

import numpy as np
import pytest

from recsys.errors import ModelError
from recsys.models import Sequences
from recsys.models.next_item import halves, loops, softmax
from recsys.models.next_item.features import decayed
from recsys.models.next_item.gram import scale_weights
from recsys.models.next_item.halves import shared_zeros, side_by_side
from recsys.models.next_item.softmax import SoftmaxTwin

DECAYS = (0.0, 0.6)


def share_of(seqs: Sequences) -> np.ndarray:
    counts = np.bincount(seqs.codes, minlength=seqs.n_items) + 0.1
    return counts / counts.sum()


def logits(twin: SoftmaxTwin, share: np.ndarray, histories: list[np.ndarray]) -> np.ndarray:
    table = twin.table()
    return decayed(histories, scale_weights(DECAYS), len(share)).table(len(table)) @ table + np.log(share)


@pytest.mark.parametrize("weights", [None, [1, 3, 0.5, 1, 2]])
def test_one_step_goes_down_the_gradient_of_the_likelihood(sequences, monkeypatch, weights):
    """From all zero, P = share: a row's gradient is the sum over what follows of decay^age * (share - what came), each
    by the weight of the event that came."""
    monkeypatch.setattr(softmax, "DROPPED", 0.0)
    seqs = replace(sequences(u1="a b c", u2="c a"), weights=weights and np.array(weights, np.float32))
    share = share_of(seqs)
    twin = SoftmaxTwin(share, DECAYS, seen=True, threads=1).learn(seqs, 1.0, (0.5, 0.5))
    gradient = np.zeros((2, 3, 3))
    for history, target, event in (([0], 1, 1), ([0, 1], 2, 2), ([2], 0, 4)):
        error = (weights[event] if weights else 1) * (share - np.eye(3)[target])
        for age, item in enumerate(reversed(history)):
            for k, decay in enumerate(DECAYS):
                gradient[k, item] += decay**age * error
    length = np.sqrt(softmax.DAMPING + np.square(gradient).sum(axis=2, keepdims=True))
    np.testing.assert_allclose(twin.table().reshape(2, 3, 3), -0.5 * gradient / length, atol=1e-6)


def test_it_learns_what_follows_what(ring):
    share = share_of(ring)
    twin = SoftmaxTwin(share, DECAYS, seen=False, threads=1).learn(ring, 5.0)
    found = logits(twin, share, [np.array([i]) for i in range(8)])
    assert found.argmax(axis=1).tolist() == [(i + 1) % 8 for i in range(8)]


def test_a_history_runs_on_over_windows_and_ends_with_its_user(sequences, monkeypatch):
    """The same users in windows of 8 and of 64 differ in when steps are taken only: without steps, not at all."""
    monkeypatch.setattr(softmax, "DROPPED", 0.0)
    rng = np.random.default_rng(0)
    seqs = sequences(**{f"u{u}": " ".join(rng.choice(list("abcdef"), 3 + 9 * u)) for u in range(9)})
    stream = softmax._Stream.of(seqs, np.arange(seqs.n_users), True, rng)
    table = rng.standard_normal((seqs.n_items, 2, seqs.n_items)).astype(np.float32)
    none, state, found = np.zeros(seqs.n_items, np.float32), np.zeros((2, seqs.n_items), np.float32), []
    for window in stream.windows():
        codes, first, kept = stream.codes[window], stream.first[window], stream.kept[window]
        found.append(np.empty((len(codes), seqs.n_items), np.float32))
        loops.run_on(
            codes, 0, first, kept, table, np.array(DECAYS, np.float32), True, none, none.copy(), state, found[-1]
        )
    histories = [seqs.history(u)[:n] for u in range(seqs.n_users) for n in range(seqs.lengths[u])]
    rows = table.transpose(1, 0, 2).reshape(-1, seqs.n_items)
    expected = decayed(histories, scale_weights(DECAYS), seqs.n_items).table(len(rows)) @ rows
    np.testing.assert_allclose(np.concatenate(found)[: len(histories)], expected, atol=0.05)


@pytest.mark.parametrize("x", [-np.inf, -200, -40, -1e-3, 0, 3.3, 40, 69])
def test_exponentials_are_near_enough_and_none_is_too_small_to_calculate_with(x):
    found, sums = np.array([[x, 0, 1]], np.float32), np.empty(1, np.float32)
    loops.exponentials(found, sums)
    np.testing.assert_allclose(found[0], np.maximum(np.exp([x, 0.0, 1.0]), 2.0**-58), rtol=1e-5)
    np.testing.assert_allclose(sums, found.sum(axis=1), rtol=1e-6)


def test_two_processes_make_one_softmax(regulars, monkeypatch):
    """Their halves of every softmax are of one whole: the steps differ only in the length of half a row."""
    monkeypatch.setattr(softmax, "SHARED_ITEMS", 2)
    share, rates = share_of(regulars), (0.001, 0.001)
    one, two = (SoftmaxTwin(share, DECAYS, True, threads=n).learn(regulars, 0.5, rates).table() for n in (1, 2))
    assert np.corrcoef(one.ravel(), two.ravel())[0, 1] > 0.9
    again = SoftmaxTwin(share, DECAYS, True, threads=2).learn(regulars, 0.5, rates).table()
    np.testing.assert_array_equal(two, again)


@pytest.mark.parametrize("awake", [10.0, 0.0])
def test_both_halves_get_the_sum_and_leave_what_lasts(monkeypatch, awake):
    monkeypatch.setattr(halves, "AWAKE", awake)
    found = shared_zeros((2, 3))

    def half(number: int, total) -> None:
        found[number] = total(np.full(3, number + 1.0))

    side_by_side([lambda total: half(0, total), lambda total: half(1, total)])
    assert found.tolist() == [[3.0] * 3] * 2


def test_a_half_that_ends_before_its_time_is_an_error():
    def fails(total) -> None:
        raise MemoryError

    with pytest.raises(ModelError, match="half of the training ended with status 1"):
        side_by_side([lambda total: total(np.ones(1)), fails])


def test_an_error_of_the_first_half_is_raised_as_it_is():
    def fails(total) -> None:
        raise ValueError("mine")

    with pytest.raises(ValueError, match="mine"):
        side_by_side([fails, lambda total: total(np.ones(1))])
