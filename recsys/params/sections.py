"""What parameters there are: a class a section, a field each, and what it may be."""

import difflib
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit
from zoneinfo import available_timezones

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, PrivateAttr, model_validator

from recsys.errors import ParamsError
from recsys.params.commands import with_options
from recsys.schedule import valid_schedule
from recsys.timezones import time_zone

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
LONGEST_SUFFIX = 12  # characters that end every name of an environment
LONGEST = 63  # characters of a name in Personalize, DATASET that of a dataset's addition to its group's
DATASET = "-interactions"
INSTANCE = r"^ml\.[a-z0-9-]+\.[a-z0-9-]+$"
# Further columns and their kinds, as a schema of Personalize takes them.
MetadataName = Annotated[
    str,
    Field(
        pattern=r"^[A-Z][A-Z0-9_]{0,149}$",
        description="capital letters, digits and underscores, the first a letter, such as BRAND",
    ),
]
Metadata = dict[MetadataName, Literal["categorical", "numeric"]]
Share = Annotated[float, Field(gt=0, lt=0.5)]
Count = Annotated[int, Field(ge=1)]


def _event_type(text: str) -> str:
    """In lower case, as the data's event types are."""
    if not text.strip() or '"' in text:
        raise ValueError("an event type has one character at least, and no double quote")
    return text.strip().lower()


def _time_zone(text: str) -> str:
    if time_zone(text) is None:
        raise ValueError(f"is no IANA time zone{nearest(text, available_timezones(), 'one is Europe/Berlin')}")
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
            max_length=LONGEST_SUFFIX,
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
    item_metadata: Metadata
    user_metadata: Metadata
    column_mapping: dict[str, str | list[str]]
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
        return with_options(words, self._options)

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


def section_of(name: str) -> str:
    """The section in which a bare parameter name stands. Raises ParamsError for an unknown one."""
    for section in Params.model_fields:
        if name in fields_of(section):
            return section
    everything = [name for section in Params.model_fields for name in fields_of(section)]
    raise ParamsError(f'unknown parameter "{name}"{nearest(name, everything)}')


def fields_of(section: str) -> Mapping[str, Any]:
    """The fields of a section, by name."""
    return Params.model_fields[section].annotation.model_fields  # type: ignore[union-attr]


def nearest(name: str, known: Any, otherwise: str = "") -> str:
    """The end of a refusal: which known name was probably meant, or which there are."""
    close = difflib.get_close_matches(name, list(known), n=1, cutoff=0.5)
    return f'; did you mean "{close[0]}"?' if close else f"; {otherwise or 'known: ' + ', '.join(known)}"
