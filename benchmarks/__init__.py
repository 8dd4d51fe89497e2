"""Quality and speed, side by side with peers, on the same machine in the same run.

quality         recommenders on one data set: accuracy with intervals, coverage, seconds, memory
report          docs/quality.md and its figure from what quality wrote
files           interactions in the usual forms of public data sets
recommenders    plain habits, EASE and our own models; peers: other libraries, where installed
tuning          one setting of a grid, chosen on training data only; children: one process a model
filters, serving, first_campaign    what the embedded Personalize takes for a request
"""
