"""Our own recommenders as SageMaker jobs and endpoints: the container that is run there, and its deployment."""
