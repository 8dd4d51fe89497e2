"""A dataset's schema is replaced by one with another column; what is imported then can be filtered by it."""

import boto3
from steps import (
    BUCKET,
    DATA,
    FIELDS,
    ROLE,
    create_filter,
    create_schema,
    deploy,
    personalize,
    s3,
    sample_group,
    train,
    wait,
)

group = sample_group("schema-shop", "Items")
campaign = deploy(train(group, "schema-shop", "aws-user-personalization-v2"), "schema-shop")
(dataset,) = (d for d in personalize.list_datasets(datasetGroupArn=group)["datasets"] if d["datasetType"] == "ITEMS")
arn = dataset["datasetArn"]

new = create_schema("schema-shop-wider", "Items", FIELDS["Items"] | {"STOCK": {"type": ["long", "null"]}})
personalize.update_dataset(datasetArn=arn, schemaArn=new)
while (update := personalize.describe_dataset(datasetArn=arn)["dataset"]["latestDatasetUpdate"])["status"] != "ACTIVE":
    print(update["status"])

header, *rows = (DATA / "items.csv").read_text().splitlines()
text = "\n".join([f"{header},STOCK", *(f"{row},{number % 5}" for number, row in enumerate(rows))])
s3.put_object(Bucket=BUCKET, Key="schema-shop/stock.csv", Body=text.encode())
job = personalize.create_dataset_import_job(
    jobName="schema-shop-stock",
    datasetArn=arn,
    dataSource={"dataLocation": f"s3://{BUCKET}/schema-shop/stock.csv"},
    roleArn=ROLE,
)["datasetImportJobArn"]
wait(personalize.describe_dataset_import_job, datasetImportJobArn=job)

in_stock = create_filter(group, "in-stock", "INCLUDE ItemID WHERE Items.STOCK > 0")
answer = boto3.client("personalize-runtime").get_recommendations(
    campaignArn=campaign, userId="U1038", numResults=500, filterArn=in_stock
)
print(len(answer["itemList"]), "items in stock")
