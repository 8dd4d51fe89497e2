"""Our own Amazon Personalize: control plane, runtime and events behind one URL, with recipes that really train.

service.py   the ASGI application: a request in, an answer or an AWS error out
access.py    what a caller must be allowed to do for an operation
errors.py    refusals, and which code is used for what
schemas.py   the Avro schemas Personalize accepts
recipes/     the recipes and their hyperparameters, as data
selection.py which interactions a solution learns from
metrics.py   requests and jobs counted as AWS/Personalize counts them
attribution/ metric attributions, measured over events and imports
wire/        JSON 1.1 and REST-JSON through botocore's models, and how many requests a second are let in
control/     the table of resource types, the five verbs and life cycles over it
control/kinds/  what is special about a kind: one module per family
jobs/        the worker process and what it does: import, export, delete, train, infer, segment
events/      what is put one by one, on disk before it is acknowledged
serving/     campaigns and recommenders in memory, and the answers of the runtime
filters/     filter expressions, and the tables of rows they are evaluated on

Validation, page tokens, the SQLite store and the way to CloudWatch are those of ../shared.
"""

NAMESPACE = "AWS/Personalize"  # of its metrics
