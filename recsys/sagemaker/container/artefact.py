"""What a model folder holds: the recommender, and what training knew of every user.

    recommender/  as recsys.models saves it
    returning/    the recommender for users who have not been seen for a while, where that is another one
    users/        user ids in order, each one's item codes, oldest first, and the time of the last event

Every file is vouched for by a sha256 and stays on disk, memory-mapped: millions of users start as fast as a few.
"""

import shutil
from bisect import bisect_left
from pathlib import Path

import numpy as np

from recsys.errors import ModelError
from recsys.models import Model, Sequences, load
from recsys.models.storage import Stored, read_model, write_model

RECOMMENDER, RETURNING, USERS = "recommender", "returning", "users"
KIND = "Users"


class Users:
    """Users of the training by id; histories are item codes of the recommender, oldest first."""

    def __init__(self, arrays: dict[str, np.ndarray]) -> None:
        names = ("ids", "id_ends", "offsets", "codes", "last")
        self._ids, self._ends, self._offsets, codes, self._last = (memoryview(np.asarray(arrays[n])) for n in names)
        self._codes = np.asarray(codes)

    def __len__(self) -> int:
        return len(self._last)

    def find(self, user: str) -> int | None:
        """The user's place; None for one that training did not know."""
        wanted = user.encode("utf-8", "surrogatepass")
        at = bisect_left(range(len(self)), wanted, key=self._id)
        return at if at < len(self) and self._id(at) == wanted else None

    def history(self, at: int) -> np.ndarray:
        """Item codes (n,) int32, oldest first."""
        return self._codes[self._offsets[at] : self._offsets[at + 1]]

    def last(self, at: int) -> int:
        """Time of the last event, epoch seconds."""
        return self._last[at]

    def _id(self, at: int) -> bytes:
        return bytes(self._ids[self._ends[at - 1] if at else 0 : self._ends[at]])


def save(folder: Path, model: Model, seqs: Sequences, returning: Model | None = None) -> None:
    """Write a model folder; what was in it goes. Raises ModelError when the disk refuses."""
    folder.mkdir(parents=True, exist_ok=True)
    for left in folder.iterdir():  # the folder itself may be where SageMaker mounts a volume
        shutil.rmtree(left) if left.is_dir() else left.unlink()
    model.save(folder / RECOMMENDER)
    if returning:
        returning.save(folder / RETURNING)
    write_model(folder / USERS, Stored(KIND, _arrays(seqs), np.empty(0, object), {"users": seqs.n_users}))


def read(folder: Path) -> tuple[Model, Users, Model | None]:
    """What `save` wrote: the model, its users, and the model for those who come back.

    Raises ModelError for a file that is missing, cut short or altered.
    """
    if not (folder / RECOMMENDER).is_dir():
        there = ", ".join(sorted(path.name for path in folder.glob("*"))) or "nothing"
        raise ModelError(
            f"{folder} holds {there}, and no folder {RECOMMENDER}: is this the model.tar.gz of a training?"
        )
    returning = load(folder / RETURNING) if (folder / RETURNING).is_dir() else None
    return load(folder / RECOMMENDER), Users(read_model(folder / USERS, known=(KIND,)).arrays), returning


def _arrays(seqs: Sequences) -> dict[str, np.ndarray]:
    """Ids in the order of their bytes, which is that of their characters: a place is found by halving."""
    ids = [user.encode("utf-8", "surrogatepass") for user in seqs.user_ids]
    return {
        "ids": np.frombuffer(b"".join(ids), np.uint8),
        "id_ends": np.cumsum([len(each) for each in ids], dtype=np.int64),
        "offsets": seqs.offsets,
        "codes": seqs.codes,
        "last": seqs.times[seqs.offsets[1:] - 1],
    }
