"""Quality and speed, side by side with peers, on the same machine in the same run.

quality         recommenders on one data set: accuracy with intervals, coverage, seconds, memory
report          docs/quality.md and its figure from what quality wrote; verdicts: what a table shows, in words
beyond          coverage, novelty, diversity and calibration of the lists
files           interactions in the usual forms of public data sets
newcomers       new items against the sample's ground truth, new users after their first clicks
protocols       similar items, popular and trending ones, rankings, segments: each task by a protocol of its own
tables          docs/protocols.md from what these two wrote
scale           how training grows with events and items; speed: one request and a batch beside memory and peers
speed_page      docs/speed.md and its figure from what speed measured
recommenders    plain habits, EASE and our own models; peers: other libraries, where installed
tuning          one setting of a grid, chosen on training data only; children: one process a model
filters, serving, first_campaign    what the embedded Personalize takes for a request
stream, batch, api    the Lambda functions beside handlers written the plain way; embedded: what they share
"""
