"""What a training job prints and SageMaker scrapes: one line a metric, `[metric] NAME=VALUE`.

validation:ndcg_at_10            of each trial, on the training users that are held out to choose the settings
test:ndcg_at_10                  of the chosen settings, by Personalize's protocol: on a tenth of the users, unseen
test:popularity_ndcg_at_10       of what is popular, on the same users
test:lead_low, test:lead_high    ends of the 95 % interval of the lead over what is popular, user by user
test:hit_rate_at_10              share of these users with a target among the first ten
train:seconds                    that this run took, by the clock
"""

NAMES = (
    "validation:ndcg_at_10",
    "test:ndcg_at_10",
    "test:popularity_ndcg_at_10",
    "test:lead_low",
    "test:lead_high",
    "test:hit_rate_at_10",
    "train:seconds",
)
METRIC_DEFINITIONS = [{"Name": name, "Regex": rf"\[metric\] {name}=([0-9.eE+-]+)"} for name in NAMES]


def line(name: str, value: float, **about: int) -> str:
    """The line of a metric; `about` follows the value.

    >>> line("validation:ndcg_at_10", 0.21341234, trial=3)
    '[metric] validation:ndcg_at_10=0.213412 trial=3'
    """
    return " ".join([f"[metric] {name}={value:.6f}", *(f"{key}={number}" for key, number in about.items())])
