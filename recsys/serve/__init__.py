"""From a solution version to answers: campaigns, filters, recommendations, and who recommends better."""

from recsys.serve.campaigns import ensure_campaign, remove_campaign
from recsys.serve.filters import ensure_filter, excluding, offer_filters
from recsys.serve.online import compare_online, held_out_items, hits
from recsys.serve.recommend import best, for_user, history, scored, similar

__all__ = [
    "best",
    "compare_online",
    "ensure_campaign",
    "ensure_filter",
    "excluding",
    "for_user",
    "held_out_items",
    "history",
    "hits",
    "offer_filters",
    "remove_campaign",
    "scored",
    "similar",
]
