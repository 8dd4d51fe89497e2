"""What the first call of a Lambda function waits for: the size of its zip, and the time its imports take.

    python -m benchmarks.cold_start

Each run is a fresh interpreter that sees the zip's files and boto3, as in Lambda: nothing of the zip is compiled
beforehand, as its folder there cannot be written to; boto3 is, as it comes with the runtime. In turns with a run that
only imports boto3 and makes one client, the least that any function on AWS does.
"""

import argparse
import os
import platform
import subprocess
import sys
import tempfile
import zipfile
from io import BytesIO
from pathlib import Path
from statistics import median

import boto3

from benchmarks.machine import machine
from recsys.deploy import package, template

PROGRAM = """
import sys, time
sys.path[:0] = sys.argv[1:3]
sys.dont_write_bytecode = True
began = time.perf_counter()
import boto3
boto3.client("dynamodb")
least = time.perf_counter()
if sys.argv[3]:
    __import__(f"lambdas.{sys.argv[3]}.handler")
print(least - began, time.perf_counter() - least)
"""
VALUES = {"FILTERS": "{}", "EXPERIMENTS": "{}", "ALLOWED_ORIGIN": "*", "POWERTOOLS_TRACE_DISABLED": "false"}
# Of what Lambda itself sets: with these a function whose tracing is not switched off traces.
LAMBDA = {
    "AWS_DEFAULT_REGION": "us-east-1",
    "LAMBDA_TASK_ROOT": "/var/task",
    "AWS_XRAY_DAEMON_ADDRESS": "127.0.0.1:2000",
}


def main() -> None:
    """Parse, measure, print a row a function."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=9, help="of each, in turns; the median counts (9)")
    options = parser.parse_args()
    print(f"{machine()}, python {platform.python_version()}; median of {options.runs}\n")
    print(f"{'':20}{'zip, KB':>9}{'boto3 and a client, ms':>25}{'function, ms':>15}{'together, over boto3':>23}")
    with tempfile.TemporaryDirectory(prefix="recsys-benchmark-") as folder:
        for function in package.FUNCTIONS:
            print(row(function, Path(folder), options.runs), flush=True)


def row(function: str, folder: Path, runs: int) -> str:
    """A function's figures as a line of the table."""
    zipped = package.build(function).data
    zipfile.ZipFile(BytesIO(zipped)).extractall(folder / function)
    rounds = [(start("", folder / function)[0], *start(function, folder / function)) for _ in range(runs)]
    least, own = median(each[0] for each in rounds), median(each[2] for each in rounds)
    ratio = median((each[1] + each[2]) / each[0] for each in rounds)
    return f"{function:20}{len(zipped) / 1000:9,.0f}{1000 * least:25,.0f}{1000 * own:15,.0f}{ratio:23.1f}"


def start(function: str, code: Path) -> tuple[float, float]:
    """Seconds for boto3 and its first client, and for the function's imports after that; "" stands for none."""
    site = str(Path(boto3.__file__).parents[1])
    done = subprocess.run(
        [sys.executable, "-I", "-S", "-c", PROGRAM, str(code), site, function],
        env={**LAMBDA, "PATH": os.environ["PATH"], **settings()},
        capture_output=True,
        text=True,
        check=True,
    )
    least, own = done.stdout.split()
    return float(least), float(own)


def settings() -> dict[str, str]:
    """What the functions read of their environment when they are imported: the template's names, with a value each."""
    functions = [
        resource["Properties"]["Environment"]["Variables"]
        for resource in template.content()["Resources"].values()
        if resource["Type"] == "AWS::Lambda::Function"
    ]
    named = {name: value for variables in functions for name, value in variables.items()}
    return {name: value if isinstance(value, str) else VALUES.get(name, "1") for name, value in named.items()}


if __name__ == "__main__":
    main()
