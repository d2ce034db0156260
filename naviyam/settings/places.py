"""Folders, distances and what a card pays."""

from pathlib import Path

from pydantic import Field

from naviyam.settings.section import Section


class Paths(Section):
    """Folders. Relative ones start at the working directory."""

    state: Path = Path(".naviyam")
    """Catalogue, index, models, events of this installation."""

    cache: Path = Path("~/.cache/naviyam")
    """Converted base models: large, remade from packages when missing."""

    adapters: Path = Path("adapters")
    """LoRA adapters that come with the repository."""

    classifier: Path = Path("models/nlu")
    """The intent classifier that comes with the repository (`naviyam train nlu` makes it again)."""

    safety_classifier: Path = Path("models/safety")
    """The classifier of the input screen (`python -m training.safety` makes it again); without it the rules decide."""

    shared_data: Path = Path("../shared/data")
    """Public data read in place where it lies; what needs it is left out, and says so, where it does not."""

    @property
    def catalog(self) -> Path:
        return self.state / "catalog"

    @property
    def index(self) -> Path:
        return self.state / "index"

    @property
    def models(self) -> Path:
        return self.state / "models"

    @property
    def events(self) -> Path:
        return self.state / "events"

    @property
    def runs(self) -> Path:
        return self.state / "runs"

    @property
    def user_key(self) -> Path:
        return self.state / "secrets" / "user_id.key"


class MealCardRules(Section):
    """What a municipality's card pays for one meal, in won."""

    default_limit_won: int = Field(9_500, gt=0)
    """Where a municipality is unknown or not listed."""

    limit_won_by_municipality: dict[str, int] = Field(default_factory=dict)
    """Name of a municipality to what its card pays for one meal."""

    far_above: float = Field(3.0, gt=1)
    """A shop whose every menu costs more than so many limits (a sack of rice cake) is shown only where nothing else is."""

    def limit_won(self, municipality: str | None) -> int:
        """Return the limit of a municipality, or the default."""
        return self.limit_won_by_municipality.get(municipality or "", self.default_limit_won)


class Places(Section):
    """Distances. Straight lines are multiplied by `detour` for walking."""

    walk_m_per_min: float = Field(67.0, gt=0)
    """Metres that a child walks in a minute."""

    detour: float = Field(1.3, ge=1)
    """How many times longer the way is than the straight line."""

    dong_radius_m: float = 1_500
    """How far around the centre of a dong is searched first."""

    station_radius_m: float = 800
    """How far around a station."""

    point_radius_m: float = 1_200
    """How far around where the child is."""

    widen: tuple[float, ...] = (1.0, 2.0, 4.0)
    """Factors on the radius tried in order until enough shops fit."""

    enough: int = Field(3, ge=1)
    """Shops that must fit before the search stops widening."""
