"""What the features need besides the catalogue: vocabulary and cross rates, persisted with every model.

A cross rate is the smoothed share of positives among the training samples of one cell (such as age group 10-12 with
분식) minus the share in all of them: 0 means nothing known, so an unseen cell is neutral. Only samples of the training
time range may be given to `fit_rates`.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Final, Self

import numpy as np
import numpy.typing as npt
from safetensors import SafetensorError
from safetensors.numpy import load_file, save_file

from naviyam.errors import ArtifactError
from naviyam.features.spec import AGE_GROUP_STARTS
from naviyam.features.vocabulary import Vocabulary
from naviyam.request import CATEGORIES, TIMES_OF_DAY

F32 = npt.NDArray[np.float32]
VOCABULARY_FILE: Final = "vocabulary.json"
RATES_FILE: Final = "cross_rates.safetensors"
SMOOTHING: Final = 40.0


@dataclass(frozen=True, slots=True, kw_only=True)
class CrossRates:
    """Lifts over the base rate; axes end in the category, districts are indices into `districts`."""

    age_category: F32
    """[age groups + 1, categories], group 0 unknown."""

    slot_category: F32
    """[times of day, categories]."""

    weekend_category: F32
    """[2, categories]."""

    district_pair: F32
    """[districts, districts] user x shop."""

    districts: tuple[str, ...]

    @classmethod
    def empty(cls, districts: tuple[str, ...] = ()) -> Self:
        """Return rates that know nothing."""
        d, c = len(districts), len(CATEGORIES)
        return cls(
            age_category=np.zeros((len(AGE_GROUP_STARTS) + 1, c), np.float32),
            slot_category=np.zeros((len(TIMES_OF_DAY), c), np.float32),
            weekend_category=np.zeros((2, c), np.float32),
            district_pair=np.zeros((d, d), np.float32),
            districts=districts,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class FeatureTables:
    """Everything `build_features` reads that was learned or counted from training data."""

    vocabulary: Vocabulary
    rates: CrossRates
    good_influence_weight: float = 0.3

    def save(self, folder: Path) -> None:
        """Write both files into `folder`."""
        self.vocabulary.save(folder / VOCABULARY_FILE)
        arrays = {
            "age_category": self.rates.age_category,
            "slot_category": self.rates.slot_category,
            "weekend_category": self.rates.weekend_category,
            "district_pair": self.rates.district_pair,
            "good_influence_weight": np.array([self.good_influence_weight], np.float32),
            "districts": np.frombuffer("\n".join(self.rates.districts).encode() or b"\n", np.uint8),
        }
        save_file({k: np.ascontiguousarray(v) for k, v in arrays.items()}, folder / RATES_FILE)

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Read what `save` wrote.

        Raises:
            ArtifactError: a file is missing, truncated or of other shapes than this code's.
        """
        vocabulary = Vocabulary.load(folder / VOCABULARY_FILE)
        try:
            arrays = load_file(folder / RATES_FILE)
            text = arrays["districts"].tobytes().decode().strip("\n")
            districts = tuple(text.split("\n")) if text else ()
            rates = CrossRates(
                age_category=arrays["age_category"],
                slot_category=arrays["slot_category"],
                weekend_category=arrays["weekend_category"],
                district_pair=arrays["district_pair"],
                districts=districts,
            )
            weight = float(arrays["good_influence_weight"][0])
        except (OSError, SafetensorError, KeyError, ValueError) as e:
            raise ArtifactError(
                f"{folder / RATES_FILE} cannot be read ({e}); train the ranker again"
            ) from e
        expected = CrossRates.empty(districts)
        for name in ("age_category", "slot_category", "weekend_category", "district_pair"):
            found, wanted = getattr(rates, name).shape, getattr(expected, name).shape
            if found != wanted:
                raise ArtifactError(f"{folder / RATES_FILE}: {name} is {found}, must be {wanted}")
        return cls(vocabulary=vocabulary, rates=rates, good_influence_weight=weight)


@dataclass(frozen=True, slots=True, kw_only=True)
class Cells:
    """The cells of each sample, int [n]: age group, time of day, weekend, districts (-1 unknown), category."""

    age_group: npt.NDArray[np.integer]
    slot: npt.NDArray[np.integer]
    weekend: npt.NDArray[np.integer]
    user_district: npt.NDArray[np.integer]
    shop_district: npt.NDArray[np.integer]
    category: npt.NDArray[np.integer]


def fit_rates(cells: Cells, label: F32, weight: F32, districts: tuple[str, ...]) -> CrossRates:
    """Return the cross rates of training samples. `label` 0/1 [n]; `districts` names the indices in `cells`."""
    total = float(weight.sum())
    base = float((label * weight).sum()) / total if total else 0.0
    empty = CrossRates.empty(districts)

    def lift(row: npt.NDArray[np.integer], column: npt.NDArray[np.integer], like: F32) -> F32:
        known = (row >= 0) & (column >= 0)
        out = np.zeros(like.shape, np.float64)
        count = np.zeros(like.shape, np.float64)
        np.add.at(out, (row[known], column[known]), (label * weight)[known])
        np.add.at(count, (row[known], column[known]), weight[known])
        return ((out + SMOOTHING * base) / (count + SMOOTHING) - base).astype(np.float32)

    by_age = lift(cells.age_group, cells.category, empty.age_category)
    by_age[0] = 0.0
    return CrossRates(
        age_category=by_age,
        slot_category=lift(cells.slot, cells.category, empty.slot_category),
        weekend_category=lift(cells.weekend, cells.category, empty.weekend_category),
        district_pair=lift(cells.user_district, cells.shop_district, empty.district_pair),
        districts=districts,
    )
