"""How a training measures a model of related items."""

import numpy as np
import pandas as pd
import pytest

from recsys.local.personalize.jobs.training.evaluation import ndcg
from recsys.metrics import ndcg_at
from recsys.models import ItemSimilarity, Sequences
from recsys.models.protocol import Split, personalize_split


@pytest.fixture
def split() -> Split:
    rng = np.random.default_rng(3)
    rows = [(f"u{user}", f"i{item:02d}", at) for user in range(200) for at, item in enumerate(rng.zipf(1.5, 8) % 40)]
    interactions = pd.DataFrame(rows, columns=["USER_ID", "ITEM_ID", "TIMESTAMP"])
    return personalize_split(Sequences.from_interactions(interactions))


def test_related_items_are_measured_by_what_is_similar_to_the_last_item(split: Split) -> None:
    model = ItemSimilarity.fit(split.train)
    codes = np.stack([model.similar(int(history[-1]), 10)[0] for history in split.histories])
    wanted = ndcg_at(codes, split.targets, 10).mean()
    assert wanted > 0 and ndcg(model, split) == pytest.approx(wanted)


def test_each_last_item_is_looked_up_once_and_many_together(split: Split, monkeypatch) -> None:
    model, asked = ItemSimilarity.fit(split.train), []
    score = model._score_batch
    monkeypatch.setattr(model, "_score_batch", lambda histories: asked.append(histories) or score(histories))
    ndcg(model, split)
    items = {int(history[-1]) for history in split.histories}
    assert len(asked) == 1 and len(asked[0]) == len(items) < len(split.histories)
