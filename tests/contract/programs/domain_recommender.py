"""A domain dataset group for e-commerce: two recommenders, stopped and started, without a solution or campaign."""

import csv
import io

import boto3
from steps import CATEGORY, DATA, FIELDS, RECIPE, create_group, import_csv, personalize, wait

DOMAIN = {"domain": "ECOMMERCE"}
rows = list(csv.DictReader((DATA / "interactions.csv").open()))
text = io.StringIO()
table = csv.writer(text)
table.writerow(FIELDS["Interactions"])
table.writerows([*list(row.values())[:3], row["EVENT_TYPE"].title(), row["EVENT_VALUE"]] for row in rows)

items = io.StringIO()
table = csv.writer(items)
table.writerow(["ITEM_ID", "PRICE", "CATEGORY_L1"])
for row in csv.DictReader((DATA / "items.csv").open()):
    table.writerow([row["ITEM_ID"], row["PRICE"] or 0, row["CATEGORY"].split("|")[0]])

group = create_group("domain-shop", **DOMAIN)
import_csv(group, "Interactions", "domain-shop", text.getvalue(), FIELDS["Interactions"], **DOMAIN)
fields = {"ITEM_ID": "string", "PRICE": "float", "CATEGORY_L1": CATEGORY}
import_csv(group, "Items", "domain-shop", items.getvalue(), fields, **DOMAIN)

recommenders = {
    use_case: personalize.create_recommender(
        name=f"domain-shop-{use_case}", datasetGroupArn=group, recipeArn=f"{RECIPE}aws-ecomm-{use_case}"
    )["recommenderArn"]
    for use_case in ("recommended-for-you", "popular-items-by-views")
}
runtime = boto3.client("personalize-runtime")
for use_case, arn in recommenders.items():
    wait(personalize.describe_recommender, recommenderArn=arn)
    answer = runtime.get_recommendations(recommenderArn=arn, userId="U1038", numResults=5)
    print(use_case, [item["itemId"] for item in answer["itemList"]])

arn = recommenders["popular-items-by-views"]
personalize.stop_recommender(recommenderArn=arn)
while (status := personalize.describe_recommender(recommenderArn=arn)["recommender"]["status"]) != "INACTIVE":
    print(status)
personalize.start_recommender(recommenderArn=arn)
wait(personalize.describe_recommender, recommenderArn=arn)
print("started again:", len(runtime.get_recommendations(recommenderArn=arn, userId="U1038")["itemList"]), "items")
