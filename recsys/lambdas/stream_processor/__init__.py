"""Kinesis -> user profiles in DynamoDB -> Personalize's event tracker."""
