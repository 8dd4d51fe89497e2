"""Our own Amazon Personalize: control plane, runtime and events behind one URL, with recipes that really train.

The wire
    service.py    the ASGI application: a request in, an answer or an AWS error out
    wire.py       JSON 1.1 and REST-JSON, read and written through botocore's service models
    validate.py   a request held against its input shape
    errors.py     refusals, and which code is used for what
The control plane
    resources.py  the table of resource types, from which most operations follow
    control.py    Create, Describe, List and Delete over that table; life cycles
    rules.py      what is special about a kind when it is created, worked on, shown and erased
    special.py    operations that are none of the four verbs: tags, recipes, metrics, UpdateCampaign
    recipes.py    the recipes and their hyperparameters, as data
    schemas.py    the Avro schemas Personalize accepts
    tokens.py     nextToken
    store.py      SQLite: what is acknowledged survives a kill -9
    actor.py      the one thread that touches all this
Jobs
    jobs.py       the server's side of the worker process
    zygote.py     the worker process, which forks one child per job
    importing.py  CSV files in S3 become one columnar file
    training.py   interactions become a fitted model with its metrics
    selection.py  which interactions a solution learns from
Serving
    events.py     the log of events and individually imported records, on disk and in memory
    records.py    PutEvents, PutItems, PutUsers
    catalogue.py  items, users and interactions of a dataset group, in memory
    campaigns.py  campaigns in memory: loaded, swapped, dropped
    serving.py    one campaign: recommend, rank, mask
    runtime.py    GetRecommendations and GetPersonalizedRanking
    filters/      filter expressions: grammar, checks, masks

Recorded and shown as AWS does, without effect here: performAutoTraining and its schedule (nothing trains by itself),
performHPO (the models tune themselves either way), hyperparameters of recipes other than aws-sims, event weights,
explorationWeight, trainingDataConfig. What would silently change an answer is refused with NotImplementedException.
"""
