"""Contextual recommendations: the device is part of the interactions and of the request."""

import csv
import io

import boto3
from steps import DATA, FIELDS, create_group, deploy, import_csv, train

DEVICES = ("phone", "desktop")
text = io.StringIO()
table = csv.writer(text)
table.writerow([*FIELDS["Interactions"], "DEVICE"])
for row in csv.DictReader((DATA / "interactions.csv").open()):
    table.writerow([*row.values(), DEVICES[int(row["ITEM_ID"][1:]) % 2]])  # odd items are looked at on a desktop

fields = FIELDS["Interactions"] | {"DEVICE": {"type": "string", "categorical": True}}
group = create_group("context-shop")
import_csv(group, "Interactions", "context-shop", text.getvalue(), fields)
campaign = deploy(train(group, "context-shop", "aws-user-personalization"), "context-shop")

runtime = boto3.client("personalize-runtime")
for device in DEVICES:
    answer = runtime.get_recommendations(
        campaignArn=campaign, userId="U1038", numResults=20, context={"DEVICE": device}
    )
    odd = sum(int(item["itemId"][1:]) % 2 for item in answer["itemList"])
    print(device, "odd items:", odd)
