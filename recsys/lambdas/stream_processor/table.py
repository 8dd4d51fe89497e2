"""Profiles in DynamoDB: one read for up to 100 users, one conditional update per user."""

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from boto3.dynamodb.types import TypeDeserializer, TypeSerializer
from botocore.exceptions import BotoCoreError, ClientError

from .profile import Profile, Record, fold

READ_AT_ONCE = 100  # BatchGetItem takes at most 100 keys
ATTEMPTS = 5  # for a profile that another shard's events change at the same moment
THREADS = 8

encode = TypeSerializer().serialize
decode = TypeDeserializer().deserialize


class Profiles:
    """The profiles table; `days` is how long a profile lives after its last event."""

    def __init__(self, dynamodb: Any, table: str, days: int) -> None:
        self.dynamodb, self.table, self.days = dynamodb, table, days

    def take(self, records: Mapping[str, Sequence[Record]]) -> dict[str, Exception]:
        """Fold each user's records, oldest first, into the profile; returns the users that failed, and why.

        A user's records are taken all or none.
        """
        if not records:
            return {}
        try:
            profiles = self._read(sorted(records))
        except (ClientError, BotoCoreError) as error:
            return dict.fromkeys(records, error)
        with ThreadPoolExecutor(THREADS) as pool:
            outcomes = pool.map(lambda user: self._take(user, profiles.get(user, {}), records[user]), records)
            return {user: error for user, error in zip(records, outcomes, strict=True) if error}

    def _take(self, user: str, profile: Profile, records: Sequence[Record]) -> Exception | None:
        for _ in range(ATTEMPTS):
            folded = fold(profile, records, self.days)
            if folded is None:
                return None
            try:
                self._write(user, profile.get("version"), folded)
                return None
            except ClientError as error:
                if error.response["Error"]["Code"] != "ConditionalCheckFailedException":
                    return error
                profile = _decoded(error.response.get("Item", {}))
            except BotoCoreError as error:
                return error
        return RuntimeError(f"the profile of {user} changed under {ATTEMPTS} attempts to update it")

    def _write(self, user: str, version: int | None, folded: Profile) -> None:
        """Set the folded attributes, unless the profile is no longer the one they were folded from."""
        names = {f"#{name}": name for name in folded}
        values = {f":{name}": encode(value) for name, value in folded.items()}
        condition = "attribute_not_exists(#version)"
        if version is not None:
            condition, values[":read"] = "#version = :read", encode(version)
        self.dynamodb.update_item(
            TableName=self.table,
            Key={"userId": encode(user)},
            UpdateExpression="SET " + ", ".join(f"#{name} = :{name}" for name in folded),
            ConditionExpression=condition,
            ExpressionAttributeNames=names,
            ExpressionAttributeValues=values,
            ReturnValuesOnConditionCheckFailure="ALL_OLD",
        )

    def _read(self, users: Sequence[str]) -> dict[str, Profile]:
        found: dict[str, Profile] = {}
        waiting = [{"userId": encode(user)} for user in users]
        while waiting:
            keys, waiting = waiting[:READ_AT_ONCE], waiting[READ_AT_ONCE:]
            request = {self.table: {"Keys": keys, "ConsistentRead": True}}
            answer = self.dynamodb.batch_get_item(RequestItems=request)
            for item in answer["Responses"].get(self.table, []):
                profile = _decoded(item)
                found[profile["userId"]] = profile
            waiting += answer.get("UnprocessedKeys", {}).get(self.table, {}).get("Keys", [])
        return found


def _decoded(item: Mapping[str, Any]) -> Profile:
    return {name: decode(value) for name, value in item.items()}
