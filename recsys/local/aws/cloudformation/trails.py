"""A CloudTrail trail of a template, which MiniStack's CloudFormation refuses: made in its CloudTrail.

As with a trail that a program makes here: what it is to record can be read back, but nothing is recorded.
"""

from ministack.services import cloudtrail

from recsys.local.aws.cloudformation.answers import Created, Properties, accepted, true

SELECTORS = ("AdvancedEventSelectors", "EventSelectors")


def _create(logical_id: str, props: Properties, stack_name: str) -> Created:
    name = props.get("TrailName") or f"{stack_name}-{logical_id}"
    tags = [{"Key": tag["Key"], "Value": tag["Value"]} for tag in props.get("Tags", [])]
    arn = accepted(cloudtrail._create_trail({**_settings(props), "Name": name, "TagsList": tags}))["TrailARN"]
    _select(name, props)
    return name, {"Arn": arn}


def _update(name: str, old: Properties, new: Properties, stack_name: str) -> Created:
    arn = accepted(cloudtrail._update_trail({**_settings(new), "Name": name}))["TrailARN"]
    cloudtrail._trail_tags[arn] = {tag["Key"]: tag["Value"] for tag in new.get("Tags", [])}
    _select(name, new)
    return name, {"Arn": arn}


def _delete(name: str, props: Properties) -> None:
    accepted(cloudtrail._delete_trail({"Name": name}))


HANDLER = {"create": _create, "update": _update, "delete": _delete}


def _settings(props: Properties) -> Properties:
    flags = ("EnableLogFileValidation", "IsMultiRegionTrail", "IncludeGlobalServiceEvents")
    given = {flag: true(props[flag]) for flag in flags if flag in props}
    return {"S3BucketName": props["S3BucketName"], **given}


def _select(name: str, props: Properties) -> None:
    given = {field: props[field] for field in SELECTORS if field in props}
    if given:
        accepted(cloudtrail._put_event_selectors({"TrailName": name, **given}))
    logs = true(props.get("IsLogging", True))
    accepted((cloudtrail._start_logging if logs else cloudtrail._stop_logging)({"Name": name}))
