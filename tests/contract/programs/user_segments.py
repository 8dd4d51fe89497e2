"""User segments: which users to tell about an item, and which like a category."""

import json

from steps import BUCKET, ROLE, personalize, read_lines, s3, sample_group, train, wait

group = sample_group("segment-shop", "Items")
queries = {
    "aws-item-affinity": [{"itemId": "I0001"}, {"itemId": "I0002"}],
    "aws-item-attribute-affinity": [{"itemAttributes": 'Items.CATEGORY = "Coffee"'}],
}
for recipe, lines in queries.items():
    version = train(group, recipe, recipe)
    body = "\n".join(map(json.dumps, lines)).encode()
    s3.put_object(Bucket=BUCKET, Key=f"segment-shop/{recipe}.json", Body=body)
    job = personalize.create_batch_segment_job(
        jobName=recipe,
        solutionVersionArn=version,
        numResults=10,
        roleArn=ROLE,
        jobInput={"s3DataSource": {"path": f"s3://{BUCKET}/segment-shop/{recipe}.json"}},
        jobOutput={"s3DataDestination": {"path": f"s3://{BUCKET}/segment-shop/out/"}},
    )["batchSegmentJobArn"]
    wait(personalize.describe_batch_segment_job, batchSegmentJobArn=job)
    for line in read_lines(f"s3://{BUCKET}/segment-shop/out/{recipe}.json.out"):
        print(line["input"], line["output"], line["error"])
