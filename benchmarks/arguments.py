"""Arguments that several benchmarks take."""

import argparse
from collections.abc import Callable, Collection


def some_of(known: Collection[str], kind: str) -> Callable[[str], list[str]]:
    """The type of an argument that names some of what is known, separated by commas; they come in the known order."""

    def chosen(text: str) -> list[str]:
        names = [name.strip() for name in text.split(",")]
        for name in names:
            if name not in known:
                raise argparse.ArgumentTypeError(f"{name!r} is no {kind}; choose some of: {', '.join(known)}")
        return [name for name in known if name in names]

    return chosen
