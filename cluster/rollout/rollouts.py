"""What people and the controller may do with experiments. Every call is one write; `settle` carries out what was decided.

A decision stands in the store before anything follows from it: the traffic table is derived from the store, the
registry is told by `settle`, which may be repeated after a crash anywhere and changes nothing the second time.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from cluster.registry.models import ModelRegistry, ModelVersion
from cluster.registry.release import OFFLINE_GAIN
from cluster.rollout.experiment import MODEL_OF, Experiment, Happening, State
from cluster.rollout.store import Experiments, Note
from naviyam.arms import Layer
from naviyam.clock import Clock
from naviyam.errors import ConflictError, InputError
from naviyam.ids import check_id, new_id
from naviyam.settings import Settings

SETTINGS_DEFAULT = "default"
"""The version of a layer without registered models as long as no variant was promoted."""

_NO_EVIDENCE: Mapping[str, Any] = {}


@dataclass(frozen=True, slots=True, kw_only=True)
class Rollouts:
    """Commands over a store and a registry.

    Args:
        variants: names of the variants that the settings know, by layer, for layers without registered models.
    """

    experiments: Experiments
    registry: ModelRegistry
    clock: Clock
    settings: Settings
    variants: Mapping[Layer, frozenset[str]]

    def start(
        self,
        layer: Layer,
        candidate: str,
        *,
        who: str,
        why: str = "",
        weight: float | None = None,
        offline_gain: float | None = None,
    ) -> Experiment:
        """Begin an experiment; its candidate gets the first step's share of the users.

        Args:
            layer: what is changed.
            candidate: a registered version or `challenger`; on layers without models a variant of the settings.
            who: named in the history.
            why: named in the history.
            weight: a first share other than the plan's.
            offline_gain: what the evaluation before the rollout measured, relative; None: as it was registered.

        Raises:
            NotFoundError: there is no such version.
            ConflictError: it was refused or rolled back before, it serves already, or the layer has an open experiment.
        """
        stable, version, measured = self._sides(layer, candidate)
        now = self.clock.now()
        steps = self.settings.rollout.steps
        identity = new_id("e", now)
        experiment = Experiment(
            id=identity,
            layer=layer,
            stable=stable,
            candidate=version,
            salt=identity,
            steps=steps,
            created_at=now,
            who=who,
            offline_gain=measured if offline_gain is None else offline_gain,
            why=why,
        ).weighing(steps[0].weight if weight is None else weight, now)
        self.experiments.add(experiment, self._note("start", who, why))
        return experiment

    def weigh(self, identity: str, weight: float, *, who: str, why: str = "") -> Experiment:
        """Give the candidate another share; a smaller one takes it from those who came last."""
        held = self.experiments.get(identity)
        after = held.after(Happening.STEP, why=why).weighing(weight, self.clock.now())
        return self._change(held, after, "weight", who, why)

    def advance(self, identity: str, *, who: str, why: str, evidence: Mapping[str, Any] = _NO_EVIDENCE) -> Experiment:  # fmt: skip
        """Go to the next step of the plan."""
        held = self.experiments.get(identity)
        if held.step + 1 >= len(held.steps):
            raise ConflictError(f"experiment {identity} is at its last step; promote it or end it")
        step = held.step + 1
        after = held.after(Happening.STEP, why=why).weighing(
            held.steps[step].weight, self.clock.now(), step=step
        )
        return self._change(held, after, "step", who, why, evidence)

    def pause(self, identity: str, *, who: str, why: str, evidence: Mapping[str, Any] = _NO_EVIDENCE) -> Experiment:  # fmt: skip
        """Give everybody what serves until somebody resumes."""
        held = self.experiments.get(identity)
        after = held.after(Happening.PAUSE, why=why).resting(self.clock.now())
        return self._change(held, after, "pause", who, why, evidence)

    def resume(self, identity: str, *, who: str, why: str = "") -> Experiment:
        """Go on with the share that was there before the pause."""
        held = self.experiments.get(identity)
        weight = next(p.weight for p in reversed(held.periods) if p.weight > 0)
        after = held.after(Happening.RESUME, why=why).weighing(weight, self.clock.now())
        return self._change(held, after, "resume", who, why)

    def promote(self, identity: str, *, who: str, why: str, evidence: Mapping[str, Any] = _NO_EVIDENCE) -> Experiment:  # fmt: skip
        """Decide for the candidate; `settle` lets it serve."""
        held = self.experiments.get(identity)
        if held.model is not None:
            self._version(held.layer, held.model, held.candidate)
        after = held.after(Happening.PROMOTE, why=why)
        return self._change(held, after, "promote", who, why, evidence)

    def roll_back(self, identity: str, *, who: str, why: str, evidence: Mapping[str, Any] = _NO_EVIDENCE) -> Experiment:  # fmt: skip
        """Decide against the candidate, promoted or not; it is refused from then on, and `settle` tells the registry."""
        held = self.experiments.get(identity)
        after = held.after(Happening.ROLL_BACK, why=why)
        return self._change(held, after, "roll_back", who, why, evidence)

    def abort(self, identity: str, *, who: str, why: str = "") -> Experiment:
        """End an experiment without a verdict; its candidate may be tried again."""
        held = self.experiments.get(identity)
        return self._change(held, held.after(Happening.ABORT, why=why), "abort", who, why)

    def expire(self, identity: str, *, who: str, why: str, evidence: Mapping[str, Any] = _NO_EVIDENCE) -> Experiment:  # fmt: skip
        """End an experiment that could not decide; its candidate stays what it is, not refused."""
        held = self.experiments.get(identity)
        return self._change(held, held.after(Happening.EXPIRE, why=why), "expire", who, why, evidence)  # fmt: skip

    def act(self, identity: str, action: str, *, weight: float | None, who: str, why: str) -> Experiment:  # fmt: skip
        """Do what a person names: `weight`, `promote`, `rollback`, `abort`, `pause` or `resume`.

        Raises:
            InputError: there is no such action, or `weight` comes without a weight.
        """
        if action == "weight":
            if weight is None:
                raise InputError("the action weight needs a weight, such as 0.25", field="weight")
            return self.weigh(identity, weight, who=who, why=why)
        known: Mapping[str, Callable[..., Experiment]] = {
            "promote": self.promote,
            "rollback": self.roll_back,
            "abort": self.abort,
            "pause": self.pause,
            "resume": self.resume,
        }
        if action not in known:
            raise InputError(
                f"action {action!r} is none of weight, {', '.join(known)}", field="action"
            )
        return known[action](identity, who=who, why=why)

    def settle(self, identity: str, *, serves: Callable[[str, str], bool]) -> Experiment:
        """Carry out what was decided; return the experiment as it is then. Safe to repeat.

        Args:
            identity: of the experiment.
            serves: tells whether every replica serves a version of a model by itself; a promotion is over only then, so
                that nobody falls back to the old version in between.
        """
        held = self.experiments.get(identity)
        if held.state is State.ROLLING_BACK:
            self._refuse(held)
            return self._done(held)
        if held.state is State.PROMOTING:
            if held.model is not None:
                self.registry.promote(
                    held.model,
                    held.candidate,
                    who=f"experiment {held.id}",
                    why=held.why or "promoted",
                )
                if not serves(held.model, held.candidate):
                    return held
            return self._done(held)
        return held

    def _done(self, held: Experiment) -> Experiment:
        after = held.after(Happening.DONE, why=held.why)
        return self._change(held, after, "done", "controller", held.why)

    def _refuse(self, held: Experiment) -> None:
        if held.model is None:
            return
        why = f"experiment {held.id}: {held.why}"
        champion = self.registry.alias(held.model, "champion")
        if champion is not None and champion.version == held.candidate:
            self.registry.rollback(held.model, who=f"experiment {held.id}", why=why)
        if self.registry.get(held.model, held.candidate).refused is None:
            self.registry.refuse(held.model, held.candidate, reason=why)

    def _sides(self, layer: Layer, candidate: str) -> tuple[str, str, float | None]:
        """Return what serves, the candidate, and its offline gain as it was registered."""
        check_id(candidate, field="candidate")
        model = MODEL_OF.get(layer)
        if model is None:
            return (*self._variants(layer, candidate), None)
        self.registry.adopt(model)
        champion = self.registry.alias(model, "champion")
        if champion is None:
            raise ConflictError(f"no {model} serves yet; run `naviyam bootstrap` first")
        held = self._version(layer, model, candidate)
        if held.version == champion.version:
            raise ConflictError(f"{model} {held.version} serves already; nothing is to be compared")
        return champion.version, held.version, held.metrics.get(OFFLINE_GAIN)

    def _version(self, layer: Layer, model: str, candidate: str) -> ModelVersion:
        held = self.registry.get(model, candidate)
        if held.refused is not None:
            raise ConflictError(f"{model} {held.version} was refused: {held.refused}")
        if held.removed_at is not None:
            raise ConflictError(f"{model} {held.version} was cleaned up; train it again")
        return held

    def _variants(self, layer: Layer, candidate: str) -> tuple[str, str]:
        known = self.variants.get(layer, frozenset())
        if candidate not in known:
            raise InputError(
                f"{candidate!r} is no variant of layer {layer}; the settings know: {', '.join(sorted(known)) or 'none'}",
                field="candidate",
            )
        for e in self.experiments.all():
            if e.layer == layer and e.candidate == candidate and e.state is State.ROLLED_BACK:
                raise ConflictError(
                    f"{candidate} was rolled back in {e.id}: {e.why}; change it and give it another name"
                )
        stable = self.experiments.traffic().defaults.get(layer, SETTINGS_DEFAULT)
        if stable == candidate:
            raise ConflictError(f"{candidate} answers already on layer {layer}")
        return stable, candidate

    def _change(
        self,
        before: Experiment,
        after: Experiment,
        what: str,
        who: str,
        why: str,
        evidence: Mapping[str, Any] = _NO_EVIDENCE,
    ) -> Experiment:
        self.experiments.change(before, after, self._note(what, who, why, evidence))
        return after

    def _note(self, what: str, who: str, why: str, evidence: Mapping[str, Any] = _NO_EVIDENCE) -> Note:  # fmt: skip
        return Note(what=what, who=who, why=why, at=self.clock.now(), evidence=evidence)
