"""What a rule or a schedule does, checked by the role of its target: it starts a state machine, or fills a queue."""

import logging
from collections.abc import Callable
from typing import Any

from ministack.services import eventbridge

from recsys.local.aws.iam import permissions
from recsys.local.aws.iam.actions import DELIVERIES

logger = logging.getLogger(__name__)


def install() -> None:
    """Check what EventBridge does for every target that has a role."""
    eventbridge._invoke_target = _if_it_may(eventbridge._invoke_target)


def _if_it_may(invoke: Callable[..., None]) -> Callable[..., None]:
    """MiniStack's looks at no role; here a target whose role may not is left out, and the server's log says why."""

    def invoked(target: dict, *told: Any, **more: Any) -> None:
        arn, role = target.get("Arn", ""), target.get("RoleArn", "")
        action = DELIVERIES.get((arn.split(":") + [""] * 3)[2])
        session = target.get("Id", "schedule")
        denied = permissions.denial_of_role(role, session, action, arn) if role and action else None
        if denied:
            logger.warning("a target of EventBridge is left out: %s", denied)
        else:
            invoke(target, *told, **more)

    return invoked
