"""From raw interactions to a live recommendation API on AWS, with or without an AWS account."""

__version__ = "0.1.0"
