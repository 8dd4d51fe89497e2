"""The jobs at work, and whose turn it is: one training at a time, as it takes every core, and two of the others."""

import asyncio

from recsys.local.sagemaker.jobs.job import IN_PROGRESS, STOPPING, Context, Job
from recsys.local.sagemaker.jobs.processing import ProcessingJob
from recsys.local.sagemaker.jobs.training import TrainingJob
from recsys.local.sagemaker.jobs.transform import TransformJob
from recsys.local.shared.store import Resource

JOBS: dict[str, type[Job]] = {each.kind.name: each for each in (TrainingJob, ProcessingJob, TransformJob)}
AT_ONCE = {"TrainingJob": 1, "ProcessingJob": 2, "TransformJob": 2}


class Jobs:
    """Jobs by ARN."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._turns = {kind: asyncio.Semaphore(most) for kind, most in AT_ONCE.items()}
        self._jobs: dict[str, tuple[Job, asyncio.Task[None]]] = {}

    def begin(self, resource: Resource) -> None:
        """Work on a job when it is its turn."""
        job = JOBS[resource.kind](self._context, resource)
        task = asyncio.ensure_future(self._in_turn(job))
        self._jobs[resource.arn] = job, task
        task.add_done_callback(lambda _: self._jobs.pop(resource.arn, None))

    def resume(self) -> None:
        """Take up what was under way when the last server ended. Call it before the records' thread has other work."""
        for kind, job in JOBS.items():
            for resource in self._context.control.store.find(kind):
                if resource.document[job.kind.status_member] in (IN_PROGRESS, STOPPING):
                    self.begin(resource)

    async def stop(self, arn: str) -> None:
        """Ask a job to end."""
        if arn in self._jobs:
            await self._jobs[arn][0].stop()

    async def close(self) -> None:
        """End the processes at once; the records keep their status, to be taken up."""
        tasks = [task for _, task in self._jobs.values()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _in_turn(self, job: Job) -> None:
        turn = asyncio.ensure_future(self._turns[job.kind.name].acquire())
        stopped = asyncio.ensure_future(job.stop_asked.wait())
        try:
            await asyncio.wait((turn, stopped), return_when=asyncio.FIRST_COMPLETED)
            await job.work()  # which, told to stop before its turn, does no more than end
        finally:
            stopped.cancel()
            if not turn.cancel():
                self._turns[job.kind.name].release()
