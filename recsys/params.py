"""Parameters: typed, frozen, layered; every value remembers where it came from.

`params/base.yaml` holds every parameter. Over it lie, in this order, the chosen file, the environment
(`RECSYS__SECTION__NAME`), `--set section.name=value`, and a notebook's parameters cell. No name stands in two
sections, so that a notebook can use it bare.
"""

import difflib
import os
import shlex
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit
from zoneinfo import available_timezones

import yaml
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, PrivateAttr, ValidationError, model_validator

from recsys.errors import ParamsError
from recsys.files import resolve, root
from recsys.schedule import valid_schedule
from recsys.timezones import time_zone

ENVIRONMENT_PREFIX = "RECSYS__"
DEFAULT_FILE = "params/local.yaml"
WHERE = ("aws.region", "aws.endpoint", "aws.environment_suffix", "dataset.dataset_group")  # say what a command is about
PROJECT, NEVER = "recsys", "never"  # values of the tags `project`, and `expiry` without a day

# The description of a text with a pattern says in words what is allowed.
Name = Annotated[
    str,
    Field(
        pattern=r"^[a-zA-Z0-9][a-zA-Z0-9\-_]*$",
        min_length=1,
        max_length=50,
        description="letters, digits, hyphens and underscores, the first a letter or digit",
    ),
]
LONGEST = 63  # characters of a name in Personalize, DATASET that of a dataset's addition to its group's
DATASET = "-interactions"
INSTANCE = r"^ml\.[a-z0-9-]+\.[a-z0-9-]+$"
Share = Annotated[float, Field(gt=0, lt=0.5)]
Count = Annotated[int, Field(ge=1)]


def _event_type(text: str) -> str:
    """In lower case, as the data's event types are."""
    if not text.strip() or '"' in text:
        raise ValueError("an event type has one character at least, and no double quote")
    return text.strip().lower()


def _time_zone(text: str) -> str:
    if time_zone(text) is None:
        raise ValueError(f"is no IANA time zone{_nearest(text, available_timezones(), 'one is Europe/Berlin')}")
    return text


def _address(text: str) -> str:
    try:
        address = urlsplit(text)
        fits = address.scheme in ("http", "https") and address.hostname and address.port != 0
    except ValueError:
        fits = False
    if not fits:
        raise ValueError("is no address, such as http://127.0.0.1:4566")
    return text


class Section(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Aws(Section):
    region: Annotated[str, Field(pattern=r"^[a-z]{2}(-[a-z]+)+-\d$", description="a region, such as eu-central-1")]
    endpoint: Annotated[str, AfterValidator(_address)] | None
    environment_suffix: Annotated[
        str,
        Field(
            pattern=r"^[a-z0-9]+(-[a-z0-9]+)*$",
            max_length=12,
            description="lower-case letters and digits, with single hyphens between them, such as my-shop",
        ),
    ]
    owner: Annotated[str, Field(pattern=r"^[\p{L}\p{Z}\p{N}_.:/=+\-@]+$", max_length=256)]
    expires_days: Annotated[int, Field(ge=1, le=3650)] | None
    wait_hours: Annotated[float, Field(gt=0, le=72)]


class Data(Section):
    source: Literal["sample", "online-retail", "file"]
    data_file: str | None
    items_file: str | None
    users_file: str | None
    column_mapping: dict[str, str]
    encoding: str
    timezone: Annotated[str, AfterValidator(_time_zone)]
    max_events_per_user: Count | None
    session_gap_minutes: Annotated[float, Field(gt=0)]
    validation_share: Share
    test_share: Share


class Dataset(Section):
    dataset_group: Name
    import_mode: Literal["FULL", "INCREMENTAL"]


class Training(Section):
    recipe: Literal["aws-user-personalization-v2", "aws-user-personalization"]
    solution: Name
    similar_items_recipe: Literal["aws-similar-items", "aws-sims"]
    similar_items_solution: Name
    perform_hpo: bool
    perform_auto_training: bool
    event_type: str | None
    bootstrap_samples: Annotated[int, Field(ge=100, le=100_000)]
    seed: Annotated[int, Field(ge=0)]


class Serving(Section):
    campaign: Name
    similar_items_campaign: Name
    min_provisioned_tps: Count
    num_results: Annotated[int, Field(ge=1, le=50)]
    filter_seen: Name
    purchase_events: Annotated[list[Annotated[str, AfterValidator(_event_type)]], Field(min_length=1)]
    example_users: Annotated[int, Field(ge=1, le=20)]


class Stream(Section):
    event_tracker: Name
    shard_count: Annotated[int, Field(ge=1, le=200)]
    retention_hours: Annotated[int, Field(ge=24, le=8760)]
    batch_size: Annotated[int, Field(ge=1, le=10_000)]
    replay_users: Count
    replay_events: Count


class Api(Section):
    lambda_function_name: Name
    latency_requests: Annotated[int, Field(ge=10, le=100_000)]
    allowed_origin: Annotated[str, Field(pattern=r"^(\*|https?://[a-zA-Z0-9.:-]+)$")]


class SageMaker(Section):
    container_image: str | None
    training_instance: Annotated[str, Field(pattern=INSTANCE)]
    training_budget_seconds: Annotated[float, Field(gt=0, le=3600)]
    spot_training: bool
    network_isolation: bool
    model_package_group: Annotated[str, Field(pattern=r"^[a-zA-Z0-9](-*[a-zA-Z0-9])*$", max_length=50)]
    endpoint_name: Annotated[str, Field(pattern=r"^[a-z0-9](-*[a-z0-9])*$", max_length=50)]
    endpoint_instance: Annotated[str, Field(pattern=INSTANCE)]
    endpoint_instances: Annotated[int, Field(ge=1, le=100)]
    endpoint_most_instances: Annotated[int, Field(ge=1, le=100)]
    endpoint_calls_per_minute: Annotated[float, Field(gt=0)]
    compared_users: Annotated[int, Field(ge=10, le=10_000)]


class Monitoring(Section):
    rehearse_alarms: list[Annotated[str, Field(pattern=r"^[A-Z][A-Za-z]+$")]]
    look_back_minutes: Annotated[int, Field(ge=1, le=1440)]
    drift_weeks: Count


class Retraining(Section):
    retrain_schedule: Annotated[str, AfterValidator(valid_schedule)] | None
    retrain_tolerance: Annotated[float, Field(ge=0, le=100)]


class Experiments(Section):
    experiment_name: Name
    control_solution: Name
    control_share: Annotated[float, Field(gt=0, lt=1)]
    visitors: Annotated[int, Field(ge=10, le=100_000)]


class Cleanup(Section):
    remove_everything: bool


class Run(Section):
    runs_folder: str
    cell_timeout_minutes: Annotated[float, Field(gt=0)]


class Params(Section):
    """All parameters; `params.aws.region`, `params.training.recipe` and so on."""

    aws: Aws
    data: Data
    dataset: Dataset
    training: Training
    serving: Serving
    stream: Stream
    api: Api
    monitoring: Monitoring
    retraining: Retraining
    sagemaker: SageMaker
    experiments: Experiments
    cleanup: Cleanup
    run: Run
    _options: list[str] = PrivateAttr(default_factory=list)  # that name this environment, for `command`

    @model_validator(mode="after")
    def _fits_together(self) -> "Params":
        if self.sagemaker.endpoint_instances > self.sagemaker.endpoint_most_instances:
            raise ValueError("sagemaker.endpoint_instances is more than sagemaker.endpoint_most_instances")
        if len(longest := self.named(self.dataset.dataset_group + DATASET)) > LONGEST:
            raise ValueError(
                f"dataset.dataset_group makes a name of {len(longest)} characters, {longest}: AWS takes {LONGEST}"
            )
        if self.training.perform_auto_training and self.retraining.retrain_schedule:
            raise ValueError(
                "retraining.retrain_schedule is set, and training.perform_auto_training too: both would train and be "
                "billed; set retraining.retrain_schedule to null or training.perform_auto_training to false"
            )
        return self

    def named(self, name: str) -> str:
        """A resource name that is unique to this environment: `ecommerce-recommendations-dev`."""
        return f"{name}-{self.aws.environment_suffix}"

    def command(self, words: str) -> str:
        """A command about this environment, to be pasted: `recsys destroy --params params/aws.yaml`."""
        return _with_options(words, self._options)

    def value(self, name: str) -> Any:
        """A parameter by its bare name, whatever its section. Raises ParamsError for an unknown one."""
        return getattr(getattr(self, section_of(name)), name)

    @property
    def stack_name(self) -> str:
        return self.named("recsys")

    def tags(self, run_id: str) -> dict[str, str]:
        """Tags of every resource made now: whose it is, and from which day (UTC) on it may be deleted.

        `region` tells apart the roles of environments of one name: IAM has no regions.
        `expiry` says `never` where nobody set a day: who cleans an account up sees that it was not forgotten.
        """
        days = self.aws.expires_days
        return {
            "project": PROJECT,
            "stage": self.aws.environment_suffix,
            "region": self.aws.region,
            "run": run_id,
            "owner": self.aws.owner,
            "expiry": f"{datetime.now(UTC).date() + timedelta(days=days)}" if days else NEVER,
        }


_current: list[str] = []  # options that name the environment this process works on


def work_on(values: Params) -> None:
    """From now on `command` is about this environment."""
    _current[:] = values._options


def command(words: str) -> str:
    """A command to be pasted about the environment this process works on, where no parameters are at hand."""
    return _with_options(words, _current)


def _with_options(words: str, options: list[str]) -> str:
    return shlex.join([*shlex.split(words), *options])


class ReadTracker:
    """Parameters as a notebook sees them, which note what is read of them: its result depends on no others.

    read: by dotted key, `{"serving.num_results": 5}`.
    """

    def __init__(self, values: Params) -> None:
        self._values = values
        self.read: dict[str, Any] = {}

    def __getattr__(self, name: str) -> Any:
        if name in Params.model_fields:
            return _SectionReadTracker(getattr(self._values, name), name, self.read)
        if name == "command":  # words for a person, by which no result differs
            return self._values.command
        if name in vars(Params):
            # Bound to this tracker in the place of the parameters, a property or method reads its sections through it.
            return vars(Params)[name].__get__(self)
        raise AttributeError(name)


class _SectionReadTracker:
    def __init__(self, values: Section, section: str, read: dict[str, Any]) -> None:
        self._values, self._section, self._read = values, section, read

    def __getattr__(self, name: str) -> Any:
        fields = type(self._values).model_fields
        for each in [name] if name in fields else fields:  # whoever takes it whole depends on all of it
            self._read[f"{self._section}.{each}"] = getattr(self._values, each)
        return getattr(self._values, name)


class Layered:
    """The merged values, and for each dotted key the layer that set it last."""

    def __init__(self) -> None:
        self.values: dict[str, dict[str, Any]] = {}
        self.origin: dict[str, str] = {}

    def lay(self, values: Mapping[str, Any], origin: str) -> None:
        """Lay `{section: {name: value}}` over what is there."""
        for section, entries in ((str(section), entries) for section, entries in values.items()):
            if section not in Params.model_fields:
                raise ParamsError(f'{origin}: unknown section "{section}"{_nearest(section, Params.model_fields)}')
            if not isinstance(entries, Mapping):
                raise ParamsError(f'{origin}: section "{section}" must hold name: value lines, not {entries!r}')
            for name, value in entries.items():
                self._set(section, str(name), value, origin)

    def _set(self, section: str, name: str, value: Any, origin: str) -> None:
        known = _fields(section)
        if name not in known:
            raise ParamsError(f'{origin}: unknown parameter "{section}.{name}" (= {value!r}){_hint(section, name)}')
        self.values.setdefault(section, {})[name] = value
        self.origin[f"{section}.{name}"] = origin

    def params(self) -> Params:
        """The typed parameters. Raises ParamsError naming origin, key, value and what is allowed."""
        try:
            return Params.model_validate(self.values)
        except ValidationError as error:
            raise ParamsError("; ".join(self._readable(problem) for problem in error.errors())) from error

    def _readable(self, problem: Any) -> str:
        key = ".".join(str(part) for part in problem["loc"][:2])
        origin = self.origin.get(key, "params/base.yaml")
        if problem["type"] == "missing":
            return f"params/base.yaml: {key} is missing"
        said = problem["msg"].removeprefix("Value error, ")
        if problem["type"] == "string_pattern_mismatch" and (words := _described(*problem["loc"][:2])):
            said = f"must be {words}"
        if not key:  # of several together, which the message names
            return f"{', '.join(sorted({self.origin[name] for name in self.origin if name in said}))}: {said}"
        return f"{origin}: {key} = {problem['input']!r}: {said}{_closest_value(problem)}"


def load(
    file: str | Path = DEFAULT_FILE,
    *,
    settings: list[str] | None = None,
    cell: Mapping[str, Any] | None = None,
    cell_name: str = "the notebook's parameters cell",
    environment: Mapping[str, str] | None = None,
) -> tuple[Params, dict[str, str]]:
    """The parameters, and where each comes from: base.yaml, `file`, the environment, `settings` or a notebook's `cell`.

    `settings` are `section.name=value` texts; `cell` maps bare names to values. Raises ParamsError.
    """
    layers = Layered()
    base = root() / "params" / "base.yaml"
    layers.lay(_read(base), "params/base.yaml")
    if resolve(file) != base:
        layers.lay(_read(resolve(file)), _short(resolve(file)))
    for key, text in sorted((os.environ if environment is None else environment).items()):
        if key.startswith(ENVIRONMENT_PREFIX):
            layers.lay(*_from_environment(key, text))
    for setting in settings or []:
        layers.lay(*_from_setting(setting))
    for name, value in (cell or {}).items():
        layers.lay({section_of(name): {name: value}}, cell_name)
    values = layers.params()
    values._options = options(str(file), layers.values, layers.origin)
    return values, layers.origin


def options(file: str, values: Mapping[str, Mapping[str, Any]], origin: Mapping[str, str]) -> list[str]:
    """What makes a command be about the same environment, also where that is named by no params file."""
    named = [] if file == DEFAULT_FILE else ["--params", file]
    for name in WHERE:
        if origin.get(name, "").startswith(("--set", "environment ")):
            section, _, key = name.partition(".")
            value = values[section][key]
            named += ["--set", f"{name}={'null' if value is None else value}"]
    return named


def section_of(name: str) -> str:
    """The section in which a bare parameter name stands. Raises ParamsError for an unknown one."""
    for section in Params.model_fields:
        if name in _fields(section):
            return section
    everything = [name for section in Params.model_fields for name in _fields(section)]
    raise ParamsError(f'unknown parameter "{name}"{_nearest(name, everything)}')


def _fields(section: str) -> Mapping[str, Any]:
    return Params.model_fields[section].annotation.model_fields  # type: ignore[union-attr]


def _described(section: str, name: str) -> str | None:
    return _fields(section)[name].description


def _read(path: Path) -> Mapping[str, Any]:
    if not path.is_file():
        known = ", ".join(sorted(f"params/{file.name}" for file in (root() / "params").glob("*.yaml")))
        raise ParamsError(f"{path}: no such params file; there are {known}")
    try:
        values = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise ParamsError(f"{_short(path)}: not readable as YAML: {' '.join(str(error).split())}") from error
    if not isinstance(values or {}, Mapping):
        raise ParamsError(f"{_short(path)}: must hold sections such as `training:`, not {values!r}")
    return values or {}


def _from_environment(key: str, text: str) -> tuple[dict[str, Any], str]:
    parts = key.removeprefix(ENVIRONMENT_PREFIX).lower().split("__")
    if len(parts) != 2:
        raise ParamsError(f"environment {key}: expected RECSYS__SECTION__NAME, such as RECSYS__TRAINING__SEED")
    return {parts[0]: {parts[1]: _value(text, f"environment {key}")}}, f"environment {key}"


def _from_setting(setting: str) -> tuple[dict[str, Any], str]:
    key, equals, text = setting.partition("=")
    section, dot, name = key.strip().partition(".")
    if not equals or not dot:
        raise ParamsError(f'--set {setting}: expected section.name=value, such as "training.seed=3"')
    return {section: {name: _value(text, f"--set {setting}")}}, "--set"


def _value(text: str, origin: str) -> Any:
    try:
        return yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise ParamsError(f"{origin}: {text!r} is not readable as a YAML value; quote it") from error


def _hint(section: str, name: str) -> str:
    for other in Params.model_fields:
        if name in _fields(other):
            return f'; "{name}" belongs to section "{other}"'
    return _nearest(name, _fields(section))


def _closest_value(problem: Any) -> str:
    allowed = [
        part.strip("' ") for part in str(problem.get("ctx", {}).get("expected", "")).replace(" or ", ",").split(",")
    ]
    return _nearest(str(problem["input"]), allowed) if problem["type"] == "literal_error" else ""


def _nearest(name: str, known: Any, otherwise: str = "") -> str:
    close = difflib.get_close_matches(name, list(known), n=1, cutoff=0.5)
    return f'; did you mean "{close[0]}"?' if close else f"; {otherwise or 'known: ' + ', '.join(known)}"


def _short(path: Path) -> str:
    return str(path.relative_to(root())) if path.is_relative_to(root()) else str(path)
