"""What becomes of every command of the documents: run here, run against the service of tests/e2e, or only parsed, and why."""

from collections.abc import Mapping

RUN_HERE = (
    "naviyam understand",
    "naviyam config show",
    "naviyam config check",
    "naviyam config estimate",
    "naviyam monitor",
    "naviyam experiment list",
    "naviyam jobs list",
    "naviyam jobs submit housekeeping",
    "naviyam jobs submit datasets",
    "naviyam schedule",
    "naviyam audit",
    "naviyam keys",
    "naviyam events",
    "naviyam models list",
    "naviyam models cleanup",
    "naviyam metrics",
    "python -m training.datasets",
    "python -c",
    "mkdir",
    "tar",
    "cat",
)
"""In a folder with a small state of its own, in the order of the page (tests/serving/test_documents.py)."""

CALLED = ("curl",)
"""Against the application over stores in memory, on a socket (tests/serving/test_documents.py)."""

RUN_ON_THE_SERVICE = (
    "naviyam status",
    "naviyam experiment list",
    "naviyam jobs list",
    "naviyam monitor alerts",
    "naviyam audit",
    "naviyam schedule show",
    "naviyam models list",
    "ray job submit",
)
"""Against the whole service, Ray and the language model with it (tests/e2e/test_documents.py)."""

PARSED: Mapping[str, str] = {
    ". .venv/bin/activate": "the tests' own environment stands for it",
    "git": "the tests' own checkout stands for it",
    "docker": "needs Docker and a registry",
    "kubectl": "needs Kubernetes; tests/deploy renders and validates what it applies",
    "promtool": "tests/telemetry runs it on the same files",
    "prometheus": "a server that runs until it is stopped",
    "mlflow ui": "a server that runs until it is stopped",
    "make": "sets up, starts or trains for minutes; the continuous integration and the e2e tests call what is behind it",
    "naviyam chat": "asks until an empty line; needs the language model",
    "naviyam simulate": "tests/serving/test_simulate.py runs it against an application of its own",
    "naviyam learn": "tests/pipelines runs it over a small world",
    "naviyam train": "tests/training and tests/pipelines run the programs",
    "naviyam tune": "tests/training run the searches",
    "naviyam compare": "tests/cli/test_compare.py runs it; needs two registered versions",
    "naviyam evaluate": "minutes; tests/cli/test_evaluate.py runs its parts",
    "naviyam bench": "half a minute and more",
    "naviyam experiment": "needs an experiment; tests/rollout runs every verb, and the page's same acts are called here by curl",
    "naviyam models": "needs registered versions; tests/cli/test_models.py runs the verbs",
    "naviyam jobs": "needs a job of that name; tests/cli/test_jobs.py runs the verbs",
    "python -m training": "trains; tests/training runs the programs",
    "ray job submit": "what it submits is checked; the first is run against the service",
    "naviyam monitor alerts --acknowledge": "needs an alert; tests/monitoring runs it",
}
"""By the beginning of the command; the longest that fits holds. Options and arguments are parsed all the same."""


def beginning_of(plain: str, of: tuple[str, ...]) -> str:
    """Return the longest of `of` that a command begins with, "" where none does."""
    fitting = (each for each in of if (plain + " ").startswith((each + " ", each + ".")))
    return max(fitting, key=len, default="")


def runs_here(plain: str) -> bool:
    """Return whether a command is run in a small state: what is only parsed may name a part of it."""
    here = beginning_of(plain, RUN_HERE)
    parsed = beginning_of(plain, tuple(PARSED))
    return bool(here) and len(here) > len(parsed)
