"""Promotions: a share of every list goes to items of a category, while a filter holds for the rest."""

import boto3
from steps import create_filter, deploy, sample_group, train

group = sample_group("promotion-shop", "Items")
campaign = deploy(train(group, "promotion-shop", "aws-user-personalization-v2"), "promotion-shop")
coffee = create_filter(group, "only-category", "INCLUDE ItemID WHERE Items.CATEGORY IN ($CATEGORY)")
cheap = create_filter(group, "only-cheap", "INCLUDE ItemID WHERE Items.PRICE <= 40")

answer = boto3.client("personalize-runtime").get_recommendations(
    campaignArn=campaign,
    userId="U1038",
    numResults=10,
    filterArn=cheap,
    promotions=[
        {
            "name": "coffee-week",
            "percentPromotedItems": 30,
            "filterArn": coffee,
            "filterValues": {"CATEGORY": '"Coffee"'},
        }
    ],
)
for item in answer["itemList"]:
    print(item["itemId"], item.get("promotionName", "-"))
