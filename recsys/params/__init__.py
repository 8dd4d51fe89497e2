"""Parameters: typed, frozen, layered; every value remembers where it came from.

sections   what parameters there are, and what each may be
layers     where their values come from: base.yaml and what lies over it
tracking   which of them a notebook reads
commands   commands to be pasted that name the environment in use
"""

from recsys.params.commands import DEFAULT_FILE, command, options, work_on
from recsys.params.layers import ENVIRONMENT_PREFIX, load
from recsys.params.sections import NEVER, PROJECT, Params, fields_of, section_of
from recsys.params.tracking import ReadTracker

__all__ = [
    "DEFAULT_FILE",
    "ENVIRONMENT_PREFIX",
    "NEVER",
    "PROJECT",
    "Params",
    "ReadTracker",
    "command",
    "fields_of",
    "load",
    "options",
    "section_of",
    "work_on",
]
