"""The batch processor as a process of its own, with the environment it is given: what `batch_endpoint` kills."""

from recsys.lambdas.batch_processor import handler

DAY = "2030-01-01"


class Context:
    """Lambda's context, with all the time there is."""

    aws_request_id, invoked_function_arn = "benchmark", ""

    def get_remaining_time_in_millis(self) -> int:
        return 900_000


if __name__ == "__main__":
    handler.handler({"date": DAY}, Context())
