"""The benchmark for one seed: tune on folds inside the training part, fit on all of it, measure once on the held-out.

Tuning holds out a tenth at a time, so that settings are chosen for nearly as many ratings as they are used with: at a
quarter held out the factors chosen are too few and the penalties too strong.

Out of fold: the ranker learns from lists whose funnels have not seen the interactions that are its labels. Each user's
training ratings are dealt to `FOLDS` folds; a fold's ratings are labels, the others are what the funnels see.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from training.movielens.funnels import Funnel, Setting
from training.movielens.lists import Lists, make_lists, spread
from training.movielens.metrics import TopK, measure
from training.movielens.ranker import RankerOptions, train
from training.movielens.ratings import Ratings, fold_of, split
from training.wide_deep.network import Parts

F32 = npt.NDArray[np.float32]
FOLDS = 4
TUNING_FOLDS, TUNED_ON = 10, 3
"""The training part's ratings are dealt to so many folds; the first of them are held out in turn for the funnels."""

EPOCHS = 4
RANKERS: Mapping[str, Parts] = {"wide_only": "wide", "deep_only": "deep", "wide_deep": "both"}
Say = Callable[[str], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """What is asked: `k` places, and the stars from which a rating is a liking (0: any rating is one).

    The two `rates` and `EPOCHS` are the ranker's eight settings; few users want few lists a step.
    """

    k: int = 10
    least_stars: float = 0.0
    rates: tuple[float, float] = (3e-4, 1e-3)
    batch_lists: int = 64

    def measure(self, scores: F32, learn: Ratings, held: Ratings) -> TopK:
        """Rank what `learn` has not rated and compare with what `held` likes."""
        wanted = held.matrix(self.least_stars)
        return measure(scores, seen=learn.matrix(), wanted=wanted, k=self.k)


@dataclass(frozen=True, slots=True, kw_only=True)
class SeedResult:
    """The held-out figures of every system, and the settings that the inner split chose."""

    seed: int
    systems: Mapping[str, TopK]
    chosen: Mapping[str, Setting]
    candidate_recall: float

    def to_dict(self) -> dict[str, Any]:
        """Return plain values."""
        return {
            "seed": self.seed,
            "systems": {
                name: {k: round(v, 4) for k, v in asdict(top).items()}
                for name, top in self.systems.items()
            },
            "chosen": {name: dict(setting) for name, setting in self.chosen.items()},
            "candidate_recall": round(self.candidate_recall, 4),
        }


def run_seed(
    ratings: Ratings, funnels: Sequence[Funnel], *, seed: int, task: Task, say: Say
) -> SeedResult:
    """Run the whole benchmark once. The held-out part is read for the final figures only."""
    rng = np.random.default_rng(seed)
    learn, held = split(ratings, rng)
    fold = fold_of(learn, TUNING_FOLDS, rng)
    tuning = [(learn.take(fold != i), learn.take(fold == i)) for i in range(TUNED_ON)]
    chosen = {f.name: _best_setting(f, tuning, task, seed) for f in funnels}
    inner, validation = tuning[0]
    say(f"seed {seed}: funnels tuned")
    lists, last, _ = _stack(funnels, chosen, inner, validation, task, seed)
    options = {
        name: _best_ranker(lists, last, inner, validation, task, RankerOptions(parts=p, seed=seed))
        for name, p in RANKERS.items()
    }
    say(f"seed {seed}: ranker tuned")
    lists, last, scores = _stack(funnels, chosen, learn, held, task, seed)
    scores["funnels_mean"] = spread(last, last.mean_score, ratings.n_items)
    for name, option in options.items():
        *_, best = train(lists, last, ratings.n_users, ratings.n_items, option)
        scores[name] = spread(last, best, ratings.n_items)
        chosen[name] = {"learning_rate": option.learning_rate, "epochs": option.epochs}
    systems = {name: task.measure(score, learn, held) for name, score in scores.items()}
    say(f"seed {seed}: " + ", ".join(f"{n} {t.ndcg:.4f}" for n, t in systems.items()))
    recall = float(last.label.sum() / max(held.matrix(task.least_stars).sum(), 1))
    return SeedResult(seed=seed, systems=systems, chosen=chosen, candidate_recall=recall)


def _best_setting(
    funnel: Funnel, tuning: Sequence[tuple[Ratings, Ratings]], task: Task, seed: int
) -> Setting:
    """Return the setting with the best mean over the pairs of known and held-out ratings."""
    if len(funnel.settings) == 1:
        return funnel.settings[0]
    figures = np.zeros(len(funnel.settings))
    for known, wanted in tuning:
        matrix = known.matrix(task.least_stars)
        figures += [
            task.measure(funnel.score(matrix, seed, **setting), known, wanted).ndcg
            for setting in funnel.settings
        ]
    return funnel.settings[int(np.argmax(figures))]


def _stack(
    funnels: Sequence[Funnel],
    chosen: Mapping[str, Setting],
    learn: Ratings,
    held: Ratings,
    task: Task,
    seed: int,
) -> tuple[Lists, Lists, dict[str, F32]]:
    """Return the out-of-fold lists to learn from, the lists to rank, and the funnels' scores over all of `learn`."""

    def all_scores(part: Ratings) -> dict[str, F32]:
        known = part.matrix(task.least_stars)
        return {f.name: f.score(known, seed, **chosen[f.name]) for f in funnels}

    def lists_of(scores: Mapping[str, F32], known: Ratings, wanted: Ratings) -> Lists:
        return make_lists(scores, known.matrix(), wanted.matrix(task.least_stars))

    fold = fold_of(learn, FOLDS, np.random.default_rng(seed))
    parts = []
    for number in range(FOLDS):
        known, hidden = learn.take(fold != number), learn.take(fold == number)
        parts.append(lists_of(all_scores(known), known, hidden))
    scores = all_scores(learn)
    return Lists.join(parts), lists_of(scores, learn, held), scores


def _best_ranker(
    lists: Lists,
    last: Lists,
    inner: Ratings,
    validation: Ratings,
    task: Task,
    options: RankerOptions,
) -> RankerOptions:
    """Return the rate and number of epochs that rank the validation part best."""
    best, kept = -1.0, options
    for rate in task.rates:
        tried = replace(options, learning_rate=rate, epochs=EPOCHS, batch_lists=task.batch_lists)
        epochs = train(lists, last, inner.n_users, inner.n_items, tried)
        for number, scores in enumerate(epochs, 1):
            found = task.measure(spread(last, scores, inner.n_items), inner, validation).ndcg
            if found > best:
                best, kept = found, replace(tried, epochs=number)
    return kept
