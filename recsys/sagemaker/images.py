"""The container image of our own recommenders."""

from recsys import aws

REPOSITORY = "recsys"


def image(uri: str | None) -> str:
    """`uri`, or without one the newest image of the repository `recsys` in this account's ECR and region."""
    return uri or f"{aws.account_id()}.dkr.ecr.{aws.region()}.amazonaws.com/{REPOSITORY}:latest"
