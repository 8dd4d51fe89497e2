"""IAM and STS: whether a role may do what it asks for, decided as on AWS for every call a role makes.

MiniStack checks policies for the whole server or not at all, parses them for every call, forgets sessions at a restart,
and knows some actions by other names than AWS checks them under.

permissions      the checks, for requests with a role's credentials; the sessions of roles
actions          actions that MiniStack does not know by their names
bucket_policies  the bucket's own policy, which a job of Personalize needs too
calls            what each role asked for, and whether it was allowed

What a service does with a role that it was given is checked where it does it: lambda_/roles.py, eventbridge/targets.py
and stepfunctions/roles.py.
"""

from recsys.local.aws.iam import actions, bucket_policies, permissions


def install() -> None:
    """Turn the checks on for roles; in any order."""
    permissions.install()
    actions.install()
    bucket_policies.install()
