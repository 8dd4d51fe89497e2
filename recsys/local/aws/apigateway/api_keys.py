"""An API key that is switched off is refused.

UpdateApiKey takes text, and MiniStack keeps it: "false" counts as true.
"""

from collections.abc import Callable
from typing import Any

from ministack.services import apigateway_v1


def install() -> None:
    """Read the switch."""
    apigateway_v1._update_api_key = _switched(apigateway_v1._update_api_key)


def _switched(update: Callable[[str, dict[str, Any]], tuple]) -> Callable[[str, dict[str, Any]], tuple]:
    def updated(key_id: str, data: dict[str, Any]) -> tuple:
        changes = [
            {**change, "value": str(change.get("value")).lower() == "true"}
            if change.get("path") == "/enabled"
            else change
            for change in data.get("patchOperations", [])
        ]
        return update(key_id, {**data, "patchOperations": changes})

    return updated
