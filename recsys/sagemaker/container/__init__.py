"""What is in the image: three programs that SageMaker starts, or anybody as a plain process.

    train      reads the channel `interactions`, chooses and fits a recommender, writes the model
    serve      answers GET /ping and POST /invocations with a model, or with several
    prepare    cleans raw interactions, as a processing job

Each is run as `python -m recsys.sagemaker.container.NAME`, in the image also as NAME. All they read and write is under
one folder, /opt/ml on SageMaker, which SAGEMAKER_BASE_DIR moves.

    paths            where things lie, and how a program ends that cannot go on
    hyperparameters  what may be asked of a training
    channels         interactions as a training job is given them
    checkpoint       what a training resumes from
    training         a training from reading to writing; learning: its evaluation and final fit
    artefact         what a model folder holds
    asks             requests and answers: JSON, JSON lines, CSV
    predictor        answers, many at once
    application      HTTP
"""
