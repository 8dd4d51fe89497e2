"""Campaigns and recommenders in memory, and their answers."""
