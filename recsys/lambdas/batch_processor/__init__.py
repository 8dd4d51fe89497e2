"""Once a day: profiles in DynamoDB -> fresh recommendations for every active user -> profiles and S3."""
