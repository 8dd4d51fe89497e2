"""Step Functions: state machines that could not work are refused, tasks may call Personalize, and have their role.

MiniStack takes any definition, knows no task for Personalize, does not look at the role of a state machine, and tells
no history of the states in a Map.

definitions         what Step Functions refuses of a state machine
histories           the states in a Map or a Parallel
personalize_tasks   tasks that call Personalize
roles               a task runs with the role of its state machine, and may do what that may
"""

from collections.abc import Callable
from typing import Any

from recsys.local.aws.stepfunctions import definitions, histories, personalize_tasks, roles


def install(client: Callable[..., Any]) -> None:
    """Change how definitions are checked and tasks are done, Personalize's by the clients that `client` makes."""
    definitions.install()
    histories.install()
    personalize_tasks.install(roles.clients(client))
    roles.install()
