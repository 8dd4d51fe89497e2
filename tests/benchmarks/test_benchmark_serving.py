"""What an answer can take at least."""

from types import SimpleNamespace

import numpy as np

from benchmarks import serving
from recsys.models import NextItem, Sequences
from recsys.models.next_item.settings import Settings


def test_the_limit_of_a_dense_model_is_a_byte_for_each_item_of_each_event_and_scale(monkeypatch, capsys):
    codes = np.arange(400, dtype=np.int32) % 20
    ids = np.array([f"u{n:02}" for n in range(40)], object), np.array([f"i{n:02}" for n in range(20)], object)
    seqs = Sequences(*ids, np.arange(41) * 10, codes, np.arange(400))
    model = NextItem.fit(seqs, settings=Settings(decays=(0.5, 0.9)))
    histories = SimpleNamespace(of=lambda user: np.arange(3))
    deployment = SimpleNamespace(
        artefacts=SimpleNamespace(model=model), histories=histories, catalogue=SimpleNamespace(known=20)
    )
    monkeypatch.setattr(serving, "bandwidth", lambda: 1e3)
    serving.limit(deployment, ["u00"])
    assert " = 120.000 ms; 3 rows of 20 coefficients, dense" in capsys.readouterr().out  # 3 events, 2 scales, 20 items
