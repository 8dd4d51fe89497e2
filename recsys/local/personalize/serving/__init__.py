"""Campaigns and recommenders in memory, and their answers.

runtime.py      the three operations: what a request must have, and what it gets
deployments.py  what serves, by ARN: loaded, swapped, dropped as the control plane says
deployment.py   one campaign or recommender: artefacts, recipe, configuration over a group
group.py        a dataset group's rows and interactions; histories.py: a user's, in a model's codes
catalogue.py    the items that can be recommended, new ones included
engines.py      a kind of model, a way to score the catalogue; context.py: what a context adds
recommend.py    from scores to a list; exploration.py: the places given to what is little known
ranking.py      a list in the order of a user's interest
actions.py      next best actions
softmax.py      scores as shares of a whole
sources.py      recommendationIds
"""
