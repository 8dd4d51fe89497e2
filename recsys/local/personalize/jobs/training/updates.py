"""trainingMode UPDATE and incremental updates: the weights of an earlier training, with the items as they are now.

Of the next-item recipes only the metadata are read anew, through which items that came since are recommended. A model
of texts takes in the items that are new or say something else.
"""

import json
import os
import shutil
from pathlib import Path
from typing import Any

from recsys.local.personalize.jobs.training import metadata
from recsys.local.personalize.jobs.training.data import Data, TrainingFailed
from recsys.models import Popularity, SemanticSimilarity

UNCHANGED = (
    "There should be updates to at least one dataset after last active solution version with training mode set to FULL"
)
TAKEN_OVER = ("_metrics", "tunedHPOParams")  # they are those of the weights


def update(data: Data, draft: Path) -> dict[str, Any]:
    """Write the artefacts of an update into `draft`, which does not exist yet; returns members of the version.

    Raises TrainingFailed where no dataset has changed. [AWS does not say whether the request is refused or its training
    fails; here it fails, with AWS's sentence.]
    """
    previous = data.spec["previous"]
    if previous["_seen"] == data.seen():
        raise TrainingFailed(UNCHANGED)
    old = Path(previous["_folder"])
    if data.recipe.engine == "semantic":
        _take_in_texts(data, old, draft)
    else:
        shutil.copytree(old, draft, copy_function=os.link, ignore=shutil.ignore_patterns("content"))
        content = metadata.content(data, "ITEMS")
        if content:
            content.save(draft / "content")
    return {name: previous[name] for name in TAKEN_OVER if name in previous}


def _take_in_texts(data: Data, old: Path, draft: Path) -> None:
    texts = metadata.documents(data)
    grown = SemanticSimilarity.load(old / "model").with_items(list(texts), list(texts.values()))
    grown.save(draft / "model")
    Popularity.load(old / "popular").with_items(grown.item_ids).save(draft / "popular")
    (draft / "trials.json").write_text(json.dumps([]))
