"""What the pipeline needs, checked one by one, each with its remedy. Nothing is created or changed."""

from recsys.doctor import account, machine, quotas
from recsys.doctor.machine import Check, Occupant
from recsys.errors import NotKnown
from recsys.params import Params

# Where one of these fails, those after it cannot be asked.
FIRST = {"endpoint": machine.endpoint, "clock": machine.clock, "credentials": account.credentials}
HERE = {"Python": machine.python, "packages": machine.packages, "disk": machine.disk, "region": account.region}
THERE = {
    "Personalize quota": quotas.dataset_groups,
    "solutions, campaigns": quotas.solutions_and_campaigns,
    "SageMaker quotas": quotas.instances,
    "Kinesis quota": quotas.shards,
    "Lambda concurrency": account.concurrency,
    "making roles": account.may_make_roles,
    "Personalize's role": account.personalize_role,
    "API access logs": account.access_logs,
    "container image": account.container_image,
}


def examine(values: Params, occupant: Occupant) -> list[dict[str, str]]:
    """One row per check: check, ok (`yes`, `no`, or `?` where it could not be found out), found (and the remedy).

    `occupant(port)` says who listens on a port of this machine.
    """
    rows = [_row(name, check, values) for name, check in HERE.items()]
    failed = ""
    for name, check in [*FIRST.items(), *THERE.items()]:
        if failed:
            rows.append({"check": name, "ok": "?", "found": f"not asked: {failed} comes first"})
            continue
        asked = (lambda given, check=check: check(given, occupant)) if check is machine.endpoint else check
        rows.append(_row(name, asked, values))
        failed = name if name in FIRST and rows[-1]["ok"] == "no" else ""
    return rows


def _row(name: str, check: Check, values: Params) -> dict[str, str]:
    try:
        return {"check": name, "ok": "yes", "found": check(values)}
    except NotKnown as error:
        return {"check": name, "ok": "?", "found": str(error)}
    except Exception as error:  # a check that fails in its own way must not take the others along
        return {"check": name, "ok": "no", "found": " ".join(str(error).split())}
