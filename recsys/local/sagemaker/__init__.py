"""Our own SageMaker: jobs and endpoints as local processes that run the project's own container entry points."""
