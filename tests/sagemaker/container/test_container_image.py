"""The image, as far as it can be tried without docker: its programs with only what its Dockerfile puts there.

The Dockerfile is read, not repeated: an instruction that this test does not know how to follow fails it.
"""

import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path

import ports
import pytest
import waiting
from container_runs import ROOT, Served, interactions

CONTAINER = ROOT / "recsys" / "sagemaker" / "container"
PREPARED = ["--map", "USER_ID=customer", "--map", "ITEM_ID=product", "--map", "TIMESTAMP=time"]


@dataclass
class Image:
    """What following a Dockerfile gives: files under `root`, an environment with its packages, variables, labels."""

    root: Path
    python: Path
    folder: Path = Path("/")
    variables: dict[str, str] = field(default_factory=dict)
    labels: list[str] = field(default_factory=list)

    def follow(self, instruction: str) -> None:
        name, *words = shlex.split(instruction)
        match name, words:
            case "FROM", ["python:3.12-slim"]:
                subprocess.run([uv(), "venv", "--quiet", "--python", sys.executable, self.root / "venv"], check=True)
            case "LABEL", [label]:
                self.labels.append(label)
            case "WORKDIR", [folder]:
                self.folder = Path(folder)
            case "COPY", [*sources, target]:
                for source in sources:
                    self.copy(ROOT / source, target)
            case "RUN", ["pip", "install", "--no-cache-dir", "--require-hashes", "--requirement", file]:
                required = ["--require-hashes", "--requirement", self.inside(file)]
                subprocess.run([uv(), "pip", "install", "--quiet", "--python", self.python, *required], check=True)
            case "RUN", ["python", "-m", "compileall", "-q", folder]:
                subprocess.run([self.python, "-m", "compileall", "-q", self.inside(folder)], check=True)
            case "ENV", settings:
                self.variables = dict(setting.split("=", 1) for setting in settings)
            case _:
                pytest.fail(f"the test does not know how to follow: {instruction}")

    def inside(self, path: str) -> Path:
        return self.root / (self.folder / path).relative_to("/")

    def copy(self, source: Path, target: str) -> None:
        to = self.inside(target)
        if source.is_dir():
            shutil.copytree(source, to, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            to.mkdir(parents=True, exist_ok=True)
            shutil.copy(source, to)

    def start(self, command: str, *arguments: str, **variables: str) -> subprocess.Popen:
        """A program on PATH, with the image's variables and those SageMaker sets."""
        ours = {name: re.sub(r"(?<![\w.])/", f"{self.root}/", value) for name, value in self.variables.items()}
        ours["PATH"] = ours["PATH"].replace("$PATH", f"{self.python.parent}:/usr/bin:/bin")
        program = shutil.which(command, path=ours["PATH"])
        pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
        return subprocess.Popen([program, *arguments], env=ours | variables, cwd=self.root, **pipes)


def uv() -> Path:
    return Path(sys.executable).with_name("uv")


def instructions() -> list[str]:
    lines = (CONTAINER / "Dockerfile").read_text().replace("\\\n", " ").splitlines()
    return [line for line in lines if line and not line.startswith("#")]


def test_its_requirements_are_those_of_the_lock():
    lock, ours = (
        dict(re.findall(r"^([a-z0-9._-]+==\S+(?: ; [^\\]+)?) \\\n((?:\s+--hash=\S+(?: \\)?\n)+)", text, re.MULTILINE))
        for text in ((ROOT / "requirements.lock").read_text(), (CONTAINER / "requirements.txt").read_text())
    )
    names = re.findall(r"^[a-z]\S*", (CONTAINER / "requirements.in").read_text(), re.MULTILINE)
    assert set(names) <= {each.partition("==")[0] for each in ours}
    assert {each.split(" ;")[0] for each in ours} <= {each.split(" ;")[0] for each in lock}
    assert not re.search(r"https?://|--index", (CONTAINER / "requirements.txt").read_text())


def test_its_programs_prepare_train_and_serve_with_only_what_it_carries(tmp_path):
    image = Image(tmp_path / "image", tmp_path / "image" / "venv" / "bin" / "python")
    for instruction in instructions():
        image.follow(instruction)
    assert "com.amazonaws.sagemaker.capabilities.multi-models=true" in image.labels
    base = tmp_path / "ml"
    surroundings = {"SAGEMAKER_BASE_DIR": str(base), "OMP_NUM_THREADS": os.environ.get("OMP_NUM_THREADS", "1")}

    raw = interactions(users=40).set_axis(["customer", "product", "time"], axis=1)
    (base / "processing" / "input").mkdir(parents=True)
    raw.to_parquet(base / "processing" / "input" / "raw.parquet")
    prepare = image.start("prepare", *PREPARED, **surroundings)
    assert (prepare.wait(), prepare.stderr.read()) == (0, "")

    (base / "input" / "data").mkdir(parents=True)
    (base / "processing" / "output" / "interactions").rename(base / "input" / "data" / "interactions")
    train = image.start("train", **surroundings)
    out, errors = train.communicate()
    assert (train.returncode, errors) == (0, "") and "[metric] test:ndcg_at_10=" in out

    port = ports.free_port()
    address = {"SAGEMAKER_BIND_TO_HOST": "127.0.0.1", "SAGEMAKER_BIND_TO_PORT": str(port)}
    serve = image.start("serve", **surroundings, **address)
    try:
        served = Served(serve, port)
        waiting.eventually(served.ready, 60)
        assert len(served.invoke({"userId": "u001"})["recommendations"]) == 10
        serve.send_signal(signal.SIGTERM)
        assert (serve.wait(30), serve.stderr.read()) == (0, "")
    finally:
        serve.kill()
        serve.communicate()
