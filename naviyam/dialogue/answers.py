"""From an understanding to a decision: which of the answers of spec 8 this message gets, and with which shops."""

import random
from dataclasses import dataclass, replace

from naviyam.catalog.store import Catalog
from naviyam.conversation import Turns
from naviyam.dialogue import replies
from naviyam.dialogue.decide import SHOP_INTENTS, Decision, selected
from naviyam.dialogue.explore import choose, exploration_seed
from naviyam.dialogue.finder import Finder, SearchUnavailableError
from naviyam.dialogue.place import Resolver, Whereabouts, locate
from naviyam.dialogue.present import Candidate, View, present, recommendation
from naviyam.dialogue.shops import ShopNames, good_shops_near
from naviyam.dialogue.trace import Trace
from naviyam.dialogue.turn import Ask, Turn
from naviyam.nlg.brief import WriteRequest
from naviyam.nlu.resolve import refine_kind, resolve, shops_to_exclude
from naviyam.recommendation import Recommendation
from naviyam.request import (
    RELATIVE_PLACES,
    Filters,
    Intent,
    RequestContext,
    Understanding,
    UserProfile,
)
from naviyam.retrieval.filters import with_allergies
from naviyam.safety.help import help_answer
from naviyam.safety.need import HelpKind
from naviyam.safety.screen import InputVerdict
from naviyam.search import SearchRequest
from naviyam.settings import Settings

SHOWN = 3
HELP_SHOPS = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class World:
    """One version of the data that answers are made from."""

    catalog: Catalog
    gazetteer: Resolver
    names: ShopNames


class Answers:
    """Decides answers over one `World`. Searching is the finder's, writing the writer's."""

    def __init__(self, world: World, finder: Finder, *, settings: Settings) -> None:
        self.world = world
        self._finder = finder
        self._settings = settings

    async def decide(
        self,
        turn: Turn,
        understanding: Understanding,
        verdict: InputVerdict,
        *,
        turns: Turns,
        profile: UserProfile,
        trace: Trace,
        rng: random.Random,
    ) -> Decision:
        """Return the decision on one message of a conversation."""
        fixed = self._fixed(understanding, verdict, turn.context, turns, profile, rng)
        if fixed is not None:
            return fixed
        said, understanding = understanding, resolve(understanding, turns)
        if understanding.intent is Intent.SELECT or (
            understanding.intent in SHOP_INTENTS
            and (understanding.shop_name or understanding.selection is not None)
        ):
            return self._one_shop(turn, understanding, turns, profile, rng)
        decision = await self._search(
            understanding,
            turn.context,
            turns=turns,
            profile=profile,
            query=understanding.semantic_query or turn.message,
            exclude=shops_to_exclude(said, turns),
            count=SHOWN,
            trace=trace,
            explore_seed=exploration_seed(turn.interaction_id),
        )
        if decision.write is None:
            if decision.found is not None and refine_kind(said) == "cheaper":
                text = replies.choose(replies.NO_CHEAPER, turns.openings, rng)
                return replace(decision, text=text)
            return decision
        write = replace(
            decision.write,
            question=turn.message,
            seed=rng.getrandbits(32),
            request_id=turn.interaction_id,
        )
        return replace(decision, write=write)

    async def decide_ask(
        self,
        ask: Ask,
        understanding: Understanding,
        verdict: InputVerdict,
        *,
        profile: UserProfile,
        trace: Trace,
    ) -> Decision:
        """Return the decision on a call for recommendations; only what is unsafe or asks for help gets fixed words."""
        rng = random.Random(0)
        if verdict.kind != "ok" or understanding.intent is Intent.HELP_NEEDED:
            fixed = self._fixed(understanding, verdict, ask.context, Turns(), profile, rng)
            if fixed is not None:
                return fixed
        return await self._search(
            understanding,
            ask.context,
            turns=Turns(),
            profile=profile,
            query=understanding.semantic_query or ask.query,
            exclude=ask.exclude_shop_ids,
            count=ask.top_k,
            trace=trace,
            explore_seed=exploration_seed(ask.interaction_id),
        )

    async def _search(
        self,
        understanding: Understanding,
        context: RequestContext,
        *,
        turns: Turns,
        profile: UserProfile,
        query: str,
        exclude: tuple[str, ...],
        count: int,
        trace: Trace,
        explore_seed: int | None = None,
    ) -> Decision:
        where = self._locate(understanding.filters, context, profile, turns)
        filters = with_allergies(understanding.filters, profile)
        decision = Decision(
            understanding=understanding,
            filters=understanding.filters,
            method="hybrid+funnels",
            place=where.place,
            named_place=self._named(understanding.filters, where),
            searched=True,
        )
        request = SearchRequest(
            catalog_version=self.world.catalog.version,
            query=query,
            filters=filters,
            context=context,
            profile=profile,
            place=where.place,
            top_k=max(self._settings.retrieval.top_k, count),
            exclude_shop_ids=exclude,
        )
        try:
            found = await self._finder.find(request, trace)
        except SearchUnavailableError:
            return replace(decision, method="none", text=replies.TROUBLE)
        view = self._view(understanding, filters, context, where, relaxed=found.relaxed)
        with trace.stage("rank"):
            chosen = choose(
                found,
                view,
                self._settings.ranker,
                count=count,
                seed=explore_seed if profile.consent else None,
            )
        shown = chosen.shown
        decision = replace(
            decision,
            found=found,
            shown=shown,
            draw=chosen.log,
            method=f"hybrid+funnels+{found.ranked_by}",
        )
        if not shown:
            name = where.place.name if where.place and where.place.level != "point" else None
            why = await self._finder.explain_nothing(request, trace)
            return replace(decision, text=replies.nothing_fits(filters, why, place=name))
        write = WriteRequest(
            question=query,
            understanding=replace(understanding, filters=filters),
            recommendations=shown[:SHOWN],
            limit_won=view.limit_won,
            relaxed=found.relaxed,
            turns=turns,
            place_known=where.place is not None and where.unresolved is None,
        )
        return replace(decision, write=write)

    def _one_shop(
        self,
        turn: Turn,
        understanding: Understanding,
        turns: Turns,
        profile: UserProfile,
        rng: random.Random,
    ) -> Decision:
        """Answer about one shop: one that was shown, or one called by its name."""
        select = understanding.intent is Intent.SELECT
        before = selected(understanding, turns)
        standing = turns.filters if before is not None else Filters()
        where = self._locate(standing.merged_over(Filters()), turn.context, profile, turns)
        row = None
        if before is not None:
            row = self.world.catalog.row_of.get(before.shop_id)
        elif understanding.shop_name:
            row = self.world.names.find(understanding.shop_name, where.place, profile)
        decision = Decision(
            understanding=understanding,
            filters=turns.filters,
            method="memory" if before is not None else "name",
            place=where.place,
        )
        shown = self._fresh(row, before, understanding, profile, turn.context, where)
        if shown is None:
            if select and turns.last_shown:
                return replace(decision, text=replies.not_among([r.name for r in turns.last_shown]))
            named = understanding.shop_name is not None and not select
            phrases = replies.SHOP_NOT_FOUND if named else replies.NO_MEMORY
            return replace(decision, text=replies.choose(phrases, turns.openings, rng))
        write = WriteRequest(
            question=turn.message,
            understanding=replace(understanding, shop_name=shown.name),
            recommendations=(shown,),
            limit_won=self._settings.meal_card.limit_won(turn.context.municipality),
            turns=turns,
            seed=rng.getrandbits(32),
            place_known=True,
            request_id=turn.interaction_id,
        )
        return replace(decision, shown=(shown,), write=write)

    def _fresh(
        self,
        row: int | None,
        before: Recommendation | None,
        understanding: Understanding,
        profile: UserProfile,
        context: RequestContext,
        where: Whereabouts,
    ) -> Recommendation | None:
        """Return the shop's facts as they are now; what was shown before where the catalogue has lost it."""
        if row is None:
            return None if before is None else replace(before, rank=1)
        asked = understanding.filters
        filters = with_allergies(Filters(food_type=asked.food_type, dietary=asked.dietary), profile)
        view = self._view(understanding, filters, context, where)
        score = before.score if before is not None else 0.0
        funnels = before.funnels if before is not None else {}
        code = int(self.world.catalog.open_now(context.time)[row])
        made = recommendation(
            Candidate(row=row, score=score, funnels=funnels), view, open_code=code
        )
        if made is not None and before is not None and before.menus:
            made = replace(made, menus=before.menus)
        return made

    def _fixed(
        self,
        understanding: Understanding,
        verdict: InputVerdict,
        context: RequestContext,
        turns: Turns,
        profile: UserProfile,
        rng: random.Random,
    ) -> Decision | None:
        intent = understanding.intent
        decision = Decision(understanding=understanding, filters=turns.filters, method="safety")
        if intent is Intent.HELP_NEEDED or verdict.help_kind is not None:
            return self._help(decision, verdict.help_kind, context, turns, profile)
        if verdict.kind != "ok":
            text = replies.screened(verdict.kind, turns.openings, rng)
            return replace(decision, text=text)
        if intent in replies.SMALL_TALK:
            text = replies.small_talk(intent, turns.openings, rng)
            return replace(decision, text=text, method="small_talk")
        return None

    def _help(
        self,
        decision: Decision,
        kind: HelpKind | None,
        context: RequestContext,
        turns: Turns,
        profile: UserProfile,
    ) -> Decision:
        """Answer a call for help with fixed words; only hunger gets shops, the nearest that give meals, unranked."""
        kind = kind or "hunger"
        shown: tuple[Recommendation, ...] = ()
        where = self._locate(Filters(), context, profile, turns)
        if kind == "hunger":
            opening = self.world.catalog.open_now(context.time)
            rows = good_shops_near(
                self.world.catalog, where.place, count=HELP_SHOPS, open_code=opening
            )
            view = self._view(
                decision.understanding, with_allergies(Filters(), profile), context, where
            )
            near = [Candidate(row=row, score=0.0, funnels={}) for row in rows]
            shown = present(near, view, count=HELP_SHOPS)
        text = help_answer(kind, [_where(r) for r in shown], place_known=where.place is not None)
        return replace(decision, text=text, shown=shown, place=where.place, help_kind=kind)

    def _locate(
        self, filters: Filters, context: RequestContext, profile: UserProfile, turns: Turns
    ) -> Whereabouts:
        return locate(
            filters, context, profile, turns.place, self.world.gazetteer, self._settings.places
        )

    def _named(self, filters: Filters, where: Whereabouts) -> str | None:
        named = filters.location is not None and filters.location not in RELATIVE_PLACES
        if not named or where.place is None or where.unresolved is not None:
            return None
        return where.place.name

    def _view(
        self,
        understanding: Understanding,
        filters: Filters,
        context: RequestContext,
        where: Whereabouts,
        relaxed: tuple[str, ...] = (),
    ) -> View:
        return View(
            catalog=self.world.catalog,
            settings=self._settings,
            filters=filters,
            context=context,
            place=where.place,
            pays_by_card=filters.payment_method == "meal_card"
            or understanding.filters.payment_method == "meal_card"
            or understanding.intent is Intent.MEAL_CARD_INQUIRY,
            relaxed=relaxed,
        )


def _where(r: Recommendation) -> str:
    """Return a shop as the help answer names it: with the way to it, if that is known."""
    return r.name if r.walk_minutes is None else f"{r.name}(걸어서 {r.walk_minutes}분)"
