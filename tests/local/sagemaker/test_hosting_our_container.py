"""The project's own image, hosted: what `serve` answers and why it ends, seen from the other side."""

import json
import tarfile
from pathlib import Path

import pandas as pd
import pytest
from hosts import archive, awaited, fleet

from recsys.local.sagemaker.hosting import Fleet, HostingFailed, Variant
from recsys.models import Popularity, Sequences
from recsys.sagemaker.container import artefact

ASK = {"Content-Type": "application/json", "Accept": "application/json"}


@pytest.fixture
def trained(tmp_path: Path) -> Path:
    """A model.tar.gz: three users, three items, i1 the most popular."""
    events = [("u1", "i1", 1), ("u2", "i1", 2), ("u3", "i1", 3), ("u1", "i2", 4), ("u2", "i2", 5), ("u1", "i3", 6)]
    seqs = Sequences.from_interactions(pd.DataFrame(events, columns=["USER_ID", "ITEM_ID", "TIMESTAMP"]))
    artefact.save(tmp_path / "model", Popularity.fit(seqs), seqs)
    with tarfile.open(tmp_path / "model.tar.gz", "w:gz") as packed:
        packed.add(tmp_path / "model", ".")
    return tmp_path / "model.tar.gz"


async def best(served: Fleet, **target: str) -> str:
    answer = await served.invoke(b'{"userId": "u9", "numResults": 1}', ASK, **target)
    assert answer.status == 200, answer
    return json.loads(answer.body)["recommendations"][0]["itemId"]


@awaited
async def test_it_answers_and_a_folder_that_is_no_model_does_not_take_its_place(tmp_path: Path, trained: Path) -> None:
    async with fleet(tmp_path, Variant("AllTraffic", trained, "s3://shop/model.tar.gz")) as served:
        assert await best(served) == "i1"
        wrong = Variant("AllTraffic", archive(tmp_path / "wrong.tar.gz"), "s3://shop/wrong.tar.gz")
        with pytest.raises(HostingFailed, match=r"after writing: .*no folder recommender"):
            await served.switch([wrong])
        assert await best(served) == "i1"


@awaited
async def test_it_serves_many_models(tmp_path: Path, trained: Path) -> None:
    async def fetch(target: str) -> Path:
        return tmp_path / target

    async with fleet(tmp_path, Variant("AllTraffic", fetch=fetch)) as served:
        assert await best(served, target_model=trained.name) == "i1"
