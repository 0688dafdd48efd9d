"""Recommend: which items each customer is likely to take next.

`ItemCosineRecommender` compares items by the customers they share; its siblings compare them otherwise,
ask like-minded customers, fit a linear model, or count. All learn from snapshots of an event log or
from a matrix customers × items, list items by `recommend`, and are judged by NDCG@k against what came
after, so that searches and back-tests in time order work as they are.
"""

from crmkit.recommend._content import ContentRecommender
from crmkit.recommend._ease import EASERecommender
from crmkit.recommend._hybrid import HybridRecommender
from crmkit.recommend._item_cosine import ItemCosineRecommender
from crmkit.recommend._item_similarity import ItemSimilarityRecommender
from crmkit.recommend._popularity import PopularityRecommender
from crmkit.recommend._repeat_purchase import RepeatPurchaseRecommender
from crmkit.recommend._user_cosine import UserCosineRecommender

__all__ = [
    "ContentRecommender",
    "EASERecommender",
    "HybridRecommender",
    "ItemCosineRecommender",
    "ItemSimilarityRecommender",
    "PopularityRecommender",
    "RepeatPurchaseRecommender",
    "UserCosineRecommender",
]
