"""What our own services, Personalize and SageMaker, are made of: the wire, the store, the thread, roles, metrics."""
