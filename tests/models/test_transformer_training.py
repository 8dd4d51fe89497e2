"""With torch: the gradients are those of the loss, the states those that are served, and order is learned."""

import time

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="torch, which trains the transformer, is not installed")

from recsys.models import Blended, Sequences, Transformer  # noqa: E402
from recsys.models.transformer import softmax, training  # noqa: E402
from recsys.models.transformer.forward import Forward  # noqa: E402
from recsys.models.transformer.training import Training, first_arrays, hidden  # noqa: E402


@pytest.fixture
def drawn() -> dict[str, "torch.Tensor"]:
    torch.manual_seed(0)
    weights = torch.rand(40)
    return {
        "state": torch.randn(40, 8, requires_grad=True),
        "items": torch.randn(25, 8, requires_grad=True),
        "offset": torch.randn(25, requires_grad=True),
        "targets": torch.randint(0, 25, (40,)),
        "weights": weights / weights.sum(),
    }


def tensors(drawn):
    return [each.detach() for each in drawn.values()]


def assert_gradients(found, loss, drawn):
    loss.backward()
    assert found.loss == pytest.approx(loss.item(), rel=1e-5)
    for name in ("state", "items", "offset"):
        torch.testing.assert_close(getattr(found, name), drawn[name].grad, atol=1e-5, rtol=1e-4)


def test_the_full_softmax_has_the_gradients_of_cross_entropy(drawn, monkeypatch):
    monkeypatch.setattr(softmax, "CACHED", 16 * 25)
    found = softmax.full(*tensors(drawn))
    logits = drawn["state"] @ drawn["items"].T + drawn["offset"]
    losses = torch.nn.functional.cross_entropy(logits, drawn["targets"], reduction="none")
    assert_gradients(found, (losses * drawn["weights"]).sum(), drawn)


def test_what_was_seen_is_no_candidate(drawn):
    seen = (drawn["targets"][:, None] + torch.tensor([[1, 2, 2]])) % 25
    found = softmax.full(*tensors(drawn), seen)
    logits = (drawn["state"] @ drawn["items"].T + drawn["offset"]).scatter(1, seen, float("-inf"))
    losses = torch.nn.functional.cross_entropy(logits, drawn["targets"], reduction="none")
    assert_gradients(found, (losses * drawn["weights"]).sum(), drawn)


def test_half_the_digits_find_much_the_same_gradients(drawn):
    whole, half = (softmax.full(*tensors(drawn), half=kind) for kind in (None, torch.bfloat16))
    assert half.loss == pytest.approx(whole.loss, rel=0.02)
    for name in ("state", "items", "offset"):
        torch.testing.assert_close(getattr(half, name), getattr(whole, name), atol=0.01, rtol=0.1)


def test_the_sampled_softmax_has_the_gradients_of_its_loss(drawn):
    others = torch.randint(0, 25, (10,))
    log_expected = torch.randn(10)
    found = softmax.sampled(*tensors(drawn), others, log_expected)
    logits = drawn["state"] @ drawn["items"][others].T + drawn["offset"][others] - log_expected
    logits = logits.masked_fill(others == drawn["targets"][:, None], float("-inf"))
    own = (drawn["state"] * drawn["items"][drawn["targets"]]).sum(1) + drawn["offset"][drawn["targets"]]
    losses = torch.cat([own[:, None], logits], dim=1).logsumexp(1) - own
    assert_gradients(found, (losses * drawn["weights"]).sum(), drawn)


def test_what_is_drawn_stands_for_all_items(drawn):
    """Drawn often enough, the corrected loss is that of all items."""
    chances = torch.rand(25)
    chances /= chances.sum()
    others = torch.multinomial(chances, 20_000, replacement=True)
    sampled = softmax.sampled(*tensors(drawn), others, torch.log(20_000 * chances[others]))
    assert sampled.loss == pytest.approx(softmax.full(*tensors(drawn)).loss, rel=0.02)


def test_numpy_serves_what_torch_learned(regulars):
    arrays = first_arrays(regulars, np.random.default_rng(0))
    rng = np.random.default_rng(1)
    arrays = {name: array + rng.normal(0, 0.1, array.shape).astype(np.float32) for name, array in arrays.items()}
    weights = {name: torch.tensor(array) for name, array in arrays.items()}
    histories = [regulars.history(user)[:length] for user, length in enumerate((1, 5, 5, 12, 16))]
    served = Forward(arrays).logits(histories)
    for history, logits in zip(histories, served, strict=True):
        states = hidden(torch, weights, torch.tensor(history[None].astype(np.int64)))
        np.testing.assert_allclose(logits, (states[0, -1] @ weights["items"].T + weights["offset"]).numpy(), atol=1e-4)


@pytest.fixture(scope="module")
def walks() -> Sequences:
    """60 users who walk round the items 0..11: on by one after an even item, by three after an odd one."""
    rng = np.random.default_rng(0)
    codes = np.zeros((60, 12), np.int32)
    codes[:, 0] = rng.integers(0, 12, 60)
    for at in range(1, 12):
        codes[:, at] = (codes[:, at - 1] + np.where(codes[:, at - 1] % 2, 3, 1)) % 12
    ids = (np.array([f"{prefix}{n:03d}" for n in range(count)], object) for prefix, count in (("u", 60), ("i", 12)))
    return Sequences(*ids, np.arange(61) * 12, codes.ravel(), np.arange(codes.size))


@pytest.fixture(scope="module")
def learned(walks: Sequences) -> Forward:
    return Training(threads=1).learn(walks, seen=True)


def followers(logits: np.ndarray) -> list[int]:
    return logits.argmax(axis=1).tolist()


NEXT = [(item + (3 if item % 2 else 1)) % 12 for item in range(12)]


def test_it_learns_what_follows_what(learned):
    assert followers(learned.logits([np.array([item]) for item in range(12)])) == NEXT


def test_the_same_seed_gives_the_same_weights(walks, learned):
    again = Training(threads=1).learn(walks, seen=True)
    for name, array in learned.arrays.items():
        np.testing.assert_array_equal(again.arrays[name], array)


def test_a_pass_over_more_users_keeps_what_was_learned(walks, learned):
    more = Training(threads=1).learn(walks.select(np.arange(20)), seen=True, start=learned)
    assert followers(more.logits([np.array([item]) for item in range(12)])) == NEXT
    assert np.abs(more.arrays["items"] - learned.arrays["items"]).max() > 0


def test_with_drawn_candidates_it_learns_the_same(walks, monkeypatch):
    monkeypatch.setattr(training, "FULL_ITEMS", 5)
    monkeypatch.setattr(training, "DRAWN", 6)
    learned = Training(threads=1).learn(walks, seen=True)
    assert followers(learned.logits([np.array([item]) for item in range(12)])) == NEXT


def test_with_half_the_digits_it_learns_the_same(walks, monkeypatch):
    monkeypatch.setattr(training, "_half", lambda torch, device: torch.bfloat16)
    learned = Training(threads=1).learn(walks, seen=True)
    assert learned.arrays["items"].dtype == np.float32
    assert followers(learned.logits([np.array([item]) for item in range(12)])) == NEXT


def test_alone_and_beside_the_regression_it_recommends(walks):
    alone = Transformer.fit(walks, threads=1, seconds=5)
    assert alone.recommend([[item] for item in range(12)], 1)[0][:, 0].tolist() == NEXT
    assert alone.probabilities(alone.scores([0, 1]))[4] > 0.5
    both = Blended.fit(walks, threads=1, seconds=5, budget=0)
    assert both.recommend([[item] for item in range(12)], 1)[0][:, 0].tolist() == NEXT


def test_what_too_little_of_a_pass_fits_into_is_given_up_before_it_starts(walks, monkeypatch, caplog):
    monkeypatch.setattr(training, "first_arrays", None)
    assert Training(threads=1, seconds=1e-3).learn(walks, seen=True) is None
    assert "of a pass over the events fits into 0.001 s" in caplog.text


def test_a_machine_slower_than_planned_for_gives_up_at_the_end_of_its_seconds(walks, monkeypatch, caplog):
    monkeypatch.setattr("recsys.models.transformer.pace.SECONDS_A_FLOP", 1e-18)
    monkeypatch.setattr(training, "first_arrays", lambda *asked: time.sleep(0.2) or first_arrays(*asked))
    assert Training(threads=1, seconds=0.2).learn(walks, seen=True) is None
    assert "The transformer is given up: 0 of a pass" in caplog.text


def test_all_trainings_of_a_fit_share_the_seconds(walks):
    learner = Training(threads=1, seconds=30)
    learned = learner.learn(walks, seen=True)
    assert 0 < learner.left < 30
    learner.left = 0.0
    more = learner.learn(walks, seen=True, start=learned)
    np.testing.assert_array_equal(more.arrays["items"], learned.arrays["items"])
    assert learner.learn(walks, seen=True) is None


def test_torch_keeps_its_threads_and_its_chance(walks):
    threads, state = torch.get_num_threads(), torch.random.get_rng_state()
    Training(threads=1, seconds=0.1).learn(walks, seen=True)
    assert torch.get_num_threads() == threads and torch.equal(torch.random.get_rng_state(), state)


def test_nothing_to_learn_from_is_no_failure(sequences):
    model = Transformer.fit(sequences(u="a", v="a", w="b"))
    assert model.recommend([[], [0]], 2)[0].tolist() == [[0, 1], [0, 1]]
