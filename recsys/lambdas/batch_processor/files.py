"""A run's files in S3, under `batch-results/YYYY-MM-DD/`: its checkpoint, parts of its results, and the results.

A part holds the users of one step of one segment. At the end the parts are read in turn and sent as one multipart
upload in blocks of 8 MiB, so that memory holds no more than a few parts and a block. S3 could copy the parts by itself
(UploadPartCopy), but only parts of at least 5 MiB, and a step that long would be a long way to go again after a kill.
A multipart upload is seen whole or not at all: there is never half a results.json.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from botocore.exceptions import ClientError

from ..campaign import Item
from ..clock import Clock
from .state import Segment, State, read
from .texts import told

BLOCK = 8 * 2**20  # bytes; at least 5 MiB for each but the last, and at most 10,000 of them
AHEAD = 32  # parts read at once

Document = dict[str, Any]


class Files:
    """The files of one day's run."""

    def __init__(self, s3: Any, bucket: str, date: str) -> None:
        self.s3, self.bucket, self.folder = s3, bucket, f"batch-results/{date}"

    def load(self) -> State | None:
        """The checkpoint; None where no run of this day began."""
        try:
            return read(self._get("checkpoint.json"))
        except ClientError as error:
            if error.response["Error"]["Code"] == "NoSuchKey":
                return None
            raise

    def save(self, state: State) -> None:
        """Write the checkpoint."""
        self._put("checkpoint.json", state.text())

    def put_part(self, segment: int, number: int, items: Mapping[str, Sequence[Item]]) -> None:
        """Write one part; a step done again writes the same part again."""
        entries = (f'{{"userId": {json.dumps(user)}, "recommendations": {told(best)}}}' for user, best in items.items())
        self._put(_part(segment, number), ",\n".join(entries).encode())

    def join(self, segments: Sequence[Segment], head: Document, clock: Clock) -> None:
        """Write results.json: `head`, and under `users` all that is in the parts. Raises OutOfTime."""
        target = {"Bucket": self.bucket, "Key": f"{self.folder}/results.json"}
        upload = self.s3.create_multipart_upload(**target, ContentType="application/json")["UploadId"]
        try:
            parts = []
            for number, block in enumerate(self._blocks(segments, head), 1):
                clock.check()
                answer = self.s3.upload_part(**target, UploadId=upload, PartNumber=number, Body=block)
                parts.append({"PartNumber": number, "ETag": answer["ETag"]})
            self.s3.complete_multipart_upload(**target, UploadId=upload, MultipartUpload={"Parts": parts})
        except BaseException:
            self.s3.abort_multipart_upload(**target, UploadId=upload)
            raise

    def _blocks(self, segments: Sequence[Segment], head: Document) -> Iterator[bytes]:
        names = [_part(place, number) for place, segment in enumerate(segments) for number in range(segment.parts)]
        block = bytearray(json.dumps(head)[:-1].encode() + b', "users": [\n')
        for place, part in enumerate(self._all(names)):
            block += b",\n" * bool(place) + part
            if len(block) >= BLOCK:
                yield bytes(block)
                block.clear()
        yield bytes(block + b"\n]}\n")

    def _all(self, names: Sequence[str]) -> Iterator[bytes]:
        with ThreadPoolExecutor(AHEAD) as pool:
            for begin in range(0, len(names), AHEAD):
                yield from pool.map(self._get, names[begin : begin + AHEAD])

    def _get(self, name: str) -> bytes:
        return self.s3.get_object(Bucket=self.bucket, Key=f"{self.folder}/{name}")["Body"].read()

    def _put(self, name: str, body: bytes) -> None:
        self.s3.put_object(Bucket=self.bucket, Key=f"{self.folder}/{name}", Body=body, ContentType="application/json")


def _part(segment: int, number: int) -> str:
    return f"parts/{segment:02}-{number:06}.json"
