"""What CloudFormation must do here that MiniStack's refuses or leaves undone.

checks      what CloudFormation refuses before it makes anything
new_types   types that MiniStack refuses the whole template for, or makes nothing of
finished    properties of other types that it ignores
guarded     what it would overwrite, or delete with all it holds
refused     what the services themselves would refuse
stacks      templates, tags, nested stacks and outputs
trails      CloudTrail's trail, one of the new types
answers     what a service answers to all of these
"""

from recsys.local.aws.cloudformation import checks, finished, guarded, new_types, refused, stacks


def install(endpoint: str) -> None:
    """Change the handlers of the resource types concerned, how stacks are read and what is told of them."""
    checks.install()
    new_types.install()
    guarded.install()
    finished.install()
    refused.install()
    stacks.install(endpoint)
