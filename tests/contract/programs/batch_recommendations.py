"""Batch inference: recommendations for many users, from S3 to S3."""

import json

from steps import BUCKET, ROLE, personalize, read_lines, s3, sample_group, train, wait

group = sample_group("batch-shop")
version = train(group, "batch-shop", "aws-user-personalization-v2")

users = ["U1038", "U0001", "U0002", "nobody-knows-me"]
lines = [json.dumps({"userId": user}) for user in users] + ['{"user": "U0003"}']
s3.put_object(Bucket=BUCKET, Key="batch-shop/users.json", Body="\n".join(lines).encode())
job = personalize.create_batch_inference_job(
    jobName="batch-shop",
    solutionVersionArn=version,
    numResults=5,
    roleArn=ROLE,
    jobInput={"s3DataSource": {"path": f"s3://{BUCKET}/batch-shop/users.json"}},
    jobOutput={"s3DataDestination": {"path": f"s3://{BUCKET}/batch-shop/out/"}},
)["batchInferenceJobArn"]
wait(personalize.describe_batch_inference_job, batchInferenceJobArn=job)

for line in read_lines(f"s3://{BUCKET}/batch-shop/out/users.json.out"):
    output = line["output"] or {}
    print(line["input"], output.get("recommendedItems"), line["error"])
