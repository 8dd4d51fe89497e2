"""Metric attributions: what a group measures its recommendations by, over events and imports.

totals.py   the grammar of a metric's expression, and totals over interactions
plan.py     what a group's attribution measures, as the control plane knows it
live.py     events put one by one, reported to CloudWatch
imports.py  in the worker: the interactions of an import, reported to S3 or CloudWatch
"""
