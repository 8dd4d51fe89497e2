"""The Lambda functions' zips: same content, same name, on every machine.

A zip holds the function's folder, what lies beside the folders, and the libraries AWS's runtime lacks, copied from this
environment. It is named by a digest of what is in it, so an unchanged function is neither uploaded nor updated again.
"""

import hashlib
import io
import zipfile
from dataclasses import dataclass
from functools import cache, cached_property
from importlib.metadata import distribution
from pathlib import Path, PurePosixPath

from recsys import aws
from recsys.deploy.template import PARTS
from recsys.errors import AwsError
from recsys.files import sha256

LAMBDAS = Path(__file__).parent.parent / "lambdas"
FUNCTIONS = {
    "stream_processor": "StreamProcessorCodeKey",
    "recommendation_api": "RecommendationApiCodeKey",
    "batch_processor": "BatchProcessorCodeKey",
}
LIBRARIES = ("aws-lambda-powertools", "typing-extensions", "jmespath")
EPOCH = (1980, 1, 1, 0, 0, 0)  # the earliest time a zip can hold; a real one would change the bytes
LIMIT = 5_000_000  # bytes; a small zip is what a quick cold start needs

UTILITIES = ("aws_lambda_powertools", "utilities")
# Of Powertools' utilities these alone are imported; a cold start unpacks every file.
IMPORTED = ("__init__.py", "batch", "data_classes", "jmespath_utils", "serialization.py", "typing")
PAGES = "aws_lambda_powertools/event_handler/openapi/swagger_ui"  # of API documentation, which is not served here


@dataclass(frozen=True)
class Package:
    """One function's zip: names inside it and their bytes, sorted by name."""

    function: str
    contents: dict[str, bytes]

    @cached_property
    def key(self) -> str:
        """Where it lies in a bucket: named by what is in it, whatever zlib makes of that."""
        digest = hashlib.sha256()
        for name, data in self.contents.items():
            digest.update(f"{name}\0{len(data)}\0".encode() + data)
        return f"code/{digest.hexdigest()}.zip"

    @cached_property
    def data(self) -> bytes:
        """The zip. Raises AwsError where it grew past the limit."""
        buffer = io.BytesIO()
        with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
            for name, data in self.contents.items():
                archive.writestr(_entry(name), data)
        if buffer.tell() > LIMIT:
            size = f"{buffer.tell():,} bytes, more than {LIMIT:,}"
            raise AwsError(f"the zip of {self.function} has {size}; leave something out")
        return buffer.getvalue()


def build(function: str) -> Package:
    """The zip of one function, from the code as it is now."""
    own = [*LAMBDAS.glob("*.py"), *(LAMBDAS / function).rglob("*.py")]
    code = {f"lambdas/{path.relative_to(LAMBDAS).as_posix()}": path.read_bytes() for path in own}
    return Package(function, dict(sorted({**code, **_libraries()}.items())))


def publish(bucket: str) -> dict[str, str]:
    """Put what the stack is made of into the bucket, unless it is there; returns the parameters that name it.

    That is every function's zip, and the template's nested parts.
    """
    keys = {}
    for function, parameter in FUNCTIONS.items():
        package = build(function)
        keys[parameter] = package.key
        aws.put_once(bucket, package.key, lambda package=package: package.data)
    for parameter, path in PARTS.items():
        keys[parameter] = f"code/{sha256(path)}.yaml"
        aws.put_once(bucket, keys[parameter], path)
    return keys


def _entry(name: str) -> zipfile.ZipInfo:
    entry = zipfile.ZipInfo(name, EPOCH)
    entry.compress_type, entry.create_system = zipfile.ZIP_DEFLATED, 3
    entry.external_attr = 0o644 << 16  # without it Lambda's user may not read the file
    return entry


@cache
def _libraries() -> dict[str, bytes]:
    """The installed libraries' files, by their name in the zip."""
    files = [file for library in LIBRARIES for file in distribution(library).files or [] if _is_needed(file)]
    return {file.as_posix(): Path(str(file.locate())).read_bytes() for file in files}


def _is_needed(file: PurePosixPath) -> bool:
    needed = file.parts[:2] != UTILITIES or file.parts[2] in IMPORTED
    return needed and not str(file).startswith(PAGES) and file.suffix == ".py" and ".." not in file.parts
