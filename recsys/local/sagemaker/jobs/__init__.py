"""Jobs: training, processing, batch transform. Each runs the project's entry points as local processes."""
