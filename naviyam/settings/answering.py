"""How a message is understood, searched for, ranked and written."""

from collections.abc import Mapping
from typing import Annotated, Literal, TypeVar

from pydantic import Field, StringConstraints

from naviyam.errors import NotFoundError
from naviyam.settings.section import Section

Layout = Literal["compact", "instructed"]


class Nlu(Section):
    """Stage 4: when which layer is asked."""

    classifier: bool = True
    """False leaves the rules alone."""

    ask_classifier_below: float = Field(0.9, ge=0, le=1)
    """Confidence of the rules under which the classifier is asked; the surer of the two then decides."""

    other_talk_from: float = Field(0.92, ge=0, le=1)
    """What the classifier needs to take a message with a word of food for other talk (chosen on the development sets)."""

    llm: bool = False
    """True loads the adapter `llm_adapter` beside the champion and asks it where the others are unsure."""

    llm_adapter: str = "nlu"
    """Folder under paths.adapters."""

    ask_llm_below: float = Field(0.5, ge=0, le=1)
    """Confidence under which the language model is asked, and that of its answer: its share of right ones when asked."""

    llm_timeout_s: float = Field(1.0, gt=0)
    """After so long the other layers' understanding stands, and for `llm_pause_s` nobody is asked."""

    llm_pause_s: float = Field(10.0, ge=0)
    """How long nobody is asked after an answer that came too late."""

    llm_filters: bool = False
    """True takes filters from the language model too, where the words for them stand in the message."""


VariantName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_-]{1,64}$")]


class RetrievalVariant(Section):
    """Other shares for the users of an experiment; what is not given stays as it serves."""

    lexical_weight: float | None = Field(None, ge=0)
    dense_weight: float | None = Field(None, ge=0)
    near_weight: float | None = Field(None, ge=0)


class Retrieval(Section):
    """Encoder and index."""

    encoder: str = "use-multilingual-v3"
    """`use-multilingual-v3` (packaged, 512 numbers) or any sentence-transformers name."""

    query_prefix: str = ""
    """Put before every question (E5: `query: `)."""

    passage_prefix: str = ""
    """Put before every shop's text (E5: `passage: `)."""

    device: Literal["auto", "cpu", "gpu"] = "auto"
    """Where vectors are compared. `gpu`: exactly, on the first GPU that FAISS sees, whatever the number of shops (`.[gpu]`
    and a replica with `num_gpus`); `auto`: so where there is one and the search is exact anyway."""

    threads: int = Field(1, ge=1)
    """Of the encoder and of FAISS; at most the cores that a replica has."""

    top_k: int = Field(20, ge=1, le=200)
    """Shops that a search hands on."""

    lexical_weight: float = 1.0
    """Share of the words in a shop's score; see `near_weight`."""

    dense_weight: float = 0.5
    """Share of the meaning in a shop's score; see `near_weight`."""

    near_weight: float = 0.2
    """Shares of words, meaning and nearness in a shop's score. Meaning against words was tuned on the development part
    of `retrieval_queries` (0.2 to 1 tried); nearness only breaks near-ties of the two."""

    exact_up_to: int = Field(50_000, ge=0)
    """Shops up to which every search is exact: at 5,453 it takes 0.4 ms, no more than an approximate index. At
    100,000 it took 39 ms, HNSW 0.8 ms (recall@20 .87, 256 candidates) and IVF 0.7 ms (.84, 64 lists)."""

    ivf_from: int = Field(2_000_000, ge=0)
    """Shops from which the index is an IVF; below it is an HNSW graph. At 1,000,000, on two busy cores, the graph
    found .85 of the best 20 in 3.3 ms, the IVF .83 in 10 ms (exact 335 ms); it took 1.30 GB against 1.04 and 24
    minutes to build against 16. Beyond, where nothing was measured, building and memory decide."""

    direct_up_to: int = Field(50_000, ge=0)
    """Where a filter leaves at most so many shops, they are compared one by one and exactly: 5,000 take 1 ms, 25,000
    13 ms. Of 1,000,000, filtered inside an index, 50,000 cost as much and lose up to 2 % of the best 20."""

    ivf_probe: int = Field(128, ge=1)
    """Lists of an IVF that an unfiltered search reads; with a filter, more by the share it leaves."""

    hnsw_links: int = Field(32, ge=4)
    """Links of a shop in the graph: more find better and take more memory."""

    hnsw_build: int = Field(120, ge=4)
    """Candidates kept while the graph is built."""

    hnsw_search: int = Field(512, ge=4)
    """Candidates that an unfiltered walk of the graph keeps; with a filter, more by the share it leaves."""

    variants: Mapping[VariantName, RetrievalVariant] = {}
    """What an experiment on the layer `retriever` may try, by name."""

    def varied(self, name: str | None) -> "Retrieval":
        """Return the section as a variant has it, itself for None.

        Raises:
            NotFoundError: there is no such variant.
        """
        return _varied(self, name, "retrieval.variants")


class Funnel(Section):
    """The four funnels' sizes and the popularity formula (spec 2, 5B)."""

    popularity_limit: int = 50
    """Shops from the popularity funnel."""

    content_limit: int = 30
    """Shops from the content funnel."""

    collaborative_limit: int = 25
    """Shops from the collaborative funnel."""

    contextual_limit: int = 20
    """Shops from the contextual funnel."""

    merged_limit: int = 20
    """Shops that are left when the four are merged."""

    view_weight: float = 0.4
    """Share of views in popularity."""

    order_weight: float = 0.6
    """Share of orders in popularity."""

    half_life_days: float = 30.0
    """After which a view or an order counts half."""

    smoothing: float = 5.0
    """Imagined events that keep a shop with few from the top."""


class Ranker(Section):
    """Stage 6: how much of the order is left to chance, so that other orders can be judged from the log."""

    exploration: float = Field(0.1, ge=0, le=1)
    """Share of the chat answers whose order is drawn, among shops that keep every wish; 0 draws none. With the defaults
    of the three the expected NDCG@3 falls from 0.530 and 0.453 by 0.002 and 0.003 (two simulated worlds, 105 and 102
    lists, `training.wide_deep.study`); all drawn at a temperature of 0.4 it would be 0.10 and 0.09."""

    exploration_among: int = Field(5, ge=2, le=20)
    """How many of the best candidates an answer is drawn from."""

    exploration_temperature: float = Field(0.1, gt=0)
    """Of the Plackett-Luce draw, in units of the score (0..1): a shop scored this much higher is e times as likely."""


class WritingVariant(Section):
    """How the users of an experiment are written to; what is not given stays as it serves.

    What may differ without training: how tokens are drawn, how many emoji are left, and, for a base that follows
    instructions, the layout of the prompt. The small base knows the layout alone that its adapter was trained on, and
    what it is told (slots, themes, flags) is part of that.
    """

    layout: Layout | None = None
    temperature: float | None = Field(None, ge=0)
    top_k: int | None = Field(None, ge=0)
    top_p: float | None = Field(None, gt=0, le=1)
    max_tokens: int | None = Field(None, ge=16)
    max_emoji: int | None = Field(None, ge=0)

    def sampling(self) -> dict[str, float | int]:
        """Return what the engine is told beside the prompt."""
        return self.model_dump(exclude_none=True, exclude={"layout", "max_emoji"})


class Writing(Section):
    """Stage 7."""

    layout: Layout = "compact"
    """`compact` for the small base that was trained on it, `instructed` for one that follows instructions."""

    temperature: float = Field(0.7, ge=0)
    """0 always takes the likeliest token."""

    top_k: int = Field(20, ge=0)
    """How many tokens are drawn from; 0 means all. On a CPU much cheaper than `top_p`, which sorts the vocabulary."""

    top_p: float = Field(1.0, gt=0, le=1)
    """Share of the probability that tokens are drawn from; 1 means all."""

    max_tokens: int = Field(256, ge=16)
    """Longest text."""

    first_token_timeout_s: float = 3.0
    """After which the template writes instead, where nothing has come."""

    total_timeout_s: float = 8.0
    """After which the text ends where it is; below `serving.request_timeout_s`."""

    max_emoji: int = 2
    """Emoji left in an answer."""

    variants: Mapping[VariantName, WritingVariant] = {}
    """What an experiment on the layer `prompt` may try, by name."""

    def varied(self, name: str | None) -> "Writing":
        """Return the section as a variant has it, itself for None.

        Raises:
            NotFoundError: there is no such variant.
        """
        return _varied(self, name, "writing.variants")


_Varied = TypeVar("_Varied", Retrieval, Writing)


def _varied(section: _Varied, name: str | None, key: str) -> _Varied:
    if name is None:
        return section
    if name not in section.variants:
        known = ", ".join(sorted(section.variants)) or "none"
        raise NotFoundError(f"no variant {name!r}; {key} has: {known}")
    return section.model_copy(update=section.variants[name].model_dump(exclude_none=True))
