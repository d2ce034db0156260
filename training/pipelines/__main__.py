"""`python -m training.pipelines`: one run of `naviyam learn`. Progress to standard error, the outcome to standard output."""

import argparse
import json
import sys
from pathlib import Path

from cluster.programs import LOST, SAID_WHY, ProgramError, StepLostError
from cluster.registry.mlflow_registry import open_registry
from naviyam.clock import SystemClock
from naviyam.errors import ConfigError, NaviyamError
from naviyam.settings import Settings
from training.pipelines.learn import Options, learn
from training.pipelines.offer import KINDS
from training.pipelines.runner import LocalRunner, Runner


def main() -> int:
    """Parse the command line and learn."""
    arguments = _parse()
    try:
        settings = Settings.load(arguments.config)
        options = Options(
            only=tuple(arguments.only),
            promote=not arguments.hold,
            data=dict(map(_planted, arguments.plant)),
            workers=arguments.workers,
            who=arguments.who,
            batch_scale=arguments.batch_scale,
        )
        outcome = learn(
            settings,
            arguments.config,
            runner=_runner(settings, jobs=arguments.jobs),
            registry=open_registry(settings),
            clock=SystemClock(),
            options=options,
            say=_say,
        )
    except NaviyamError as e:
        sys.stderr.write(f"error: {e}\n")
        return exit_code(e)
    sys.stdout.write(json.dumps(outcome, ensure_ascii=False) + "\n")
    return 0


def exit_code(error: NaviyamError) -> int:
    """Return whether the run said why it cannot, or something else ended a step of it, so that it may go on later."""
    lost = isinstance(error, StepLostError | ProgramError) and not error.final
    return LOST if lost else SAID_WHY


def _runner(settings: Settings, *, jobs: bool) -> Runner:
    if not jobs:
        return LocalRunner(say=_say)
    from cluster.ray_io.jobs import JobRunner

    return JobRunner(address=settings.dashboard_url, say=_say)


def _planted(text: str) -> tuple[str, Path]:
    name, _, folder = text.partition("=")
    if name not in {k.name for k in KINDS} or not Path(folder).is_dir():
        raise ConfigError(
            f"--plant is {text!r}; write NAME=FOLDER, a name of {[k.name for k in KINDS]} and a data set's folder"
        )
    return name, Path(folder)


def _say(line: str) -> None:
    sys.stderr.write(line + "\n")
    sys.stderr.flush()


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m training.pipelines", description=__doc__)
    parser.add_argument("--config", type=Path)
    parser.add_argument("--only", nargs="*", default=(), choices=[k.name for k in KINDS])
    parser.add_argument("--hold", action="store_true", help="leave what is accepted as challenger")
    parser.add_argument("--plant", action="append", default=[], metavar="NAME=FOLDER")
    parser.add_argument("--workers", type=int, default=0, help="of Ray Train; 0 trains without Ray")
    parser.add_argument("--jobs", action="store_true", help="run every step as a Ray job")
    parser.add_argument(
        "--batch-scale", type=float, default=1.0, help="0.5: trainers hold half as much at once"
    )
    parser.add_argument("--who", default="learn", help="named in the registry's history")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
