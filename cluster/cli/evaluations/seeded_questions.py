"""Stage 5A on seeded questions, understood and searched near a point with many shops. No Ray."""

import random
import time
from typing import Any

from cluster.cli.session import Session


def evaluate_search(session: Session, *, count: int, seed: int) -> dict[str, Any]:
    """Understand and search seeded questions near a point with many shops.

    `on_topic_at_3` is the share of the first three shops that show a word of the dish asked for; `wishes_kept`
    the share of questions whose budget, card and opening wish reached the filters.
    """
    from cluster.cli.measures import quantile
    from cluster.cli.near import choose_point
    from cluster.cli.questions import conversations
    from naviyam.catalog.gazetteer import Gazetteer
    from naviyam.catalog.store import Catalog
    from naviyam.clock import SystemClock
    from naviyam.conversation import Turns
    from naviyam.evaluation.language import on_topic
    from naviyam.nlu.layers import build_understander
    from naviyam.request import Place, RequestContext, UserProfile
    from naviyam.retrieval.encoder import load_encoder
    from naviyam.retrieval.index import Index
    from naviyam.retrieval.search import HybridRetriever
    from naviyam.search import SearchRequest
    from naviyam.versions import current

    settings = session.settings
    folder = current(settings.paths.catalog)
    catalog = Catalog.load(folder)
    encoder = load_encoder(settings.retrieval)
    index = Index.open(settings.paths.index, catalog, encoder, settings.retrieval)
    retriever = HybridRetriever(catalog, index, encoder, settings)
    understander = build_understander(
        settings, encoder, place_names=Gazetteer.load(folder).names(), shop_names=catalog.names
    )
    latitude, longitude = choose_point(catalog)
    here = Place(
        name="",
        latitude=latitude,
        longitude=longitude,
        radius_m=settings.places.point_radius_m,
        level="point",
    )
    context = RequestContext(time=SystemClock().now(), latitude=latitude, longitude=longitude)
    kept: list[bool] = []
    topical: list[bool] = []
    full: list[bool] = []
    seconds: dict[str, list[float]] = {"understand": [], "search": []}
    for question, *_ in conversations(random.Random(seed), count=count):
        if not question.wants_shops:
            continue
        began = time.perf_counter()
        understood = understander.understand(question.text, Turns())
        middle = time.perf_counter()
        request = SearchRequest(
            catalog_version=catalog.version,
            query=understood.semantic_query,
            filters=understood.filters,
            context=context,
            profile=UserProfile(user_id="evaluate"),
            place=here,
        )
        rows = retriever.search(request).rows.tolist()
        seconds["understand"].append(middle - began)
        seconds["search"].append(time.perf_counter() - middle)
        filters = understood.filters
        kept.append(
            filters.budget_max == question.budget_won
            and bool(filters.open_now) == question.open_now
            and (filters.payment_method == "meal_card") == question.card
        )
        full.append(len(rows) >= settings.places.enough)
        if question.words:
            topical += [on_topic(question.words, _facts(catalog, row)) for row in rows[:3]]
    return {
        "catalog": catalog.version,
        "shops": catalog.size,
        "questions": len(kept),
        "wishes_kept": _mean(kept),
        "enough_found": _mean(full),
        "on_topic_at_3": _mean(topical),
        **{f"{k}_ms_p50": round(quantile(v, 0.5) * 1_000, 2) for k, v in seconds.items()},
        **{f"{k}_ms_p95": round(quantile(v, 0.95) * 1_000, 2) for k, v in seconds.items()},
    }


def _facts(catalog: Any, row: int) -> dict[str, Any]:
    shop = catalog.shop(row)
    menus = [{"name": menu.name} for menu in catalog.menus(row)]
    return {"name": shop.name, "category": " ".join((shop.category, *shop.tags)), "menus": menus}


def _mean(hits: list[bool]) -> float | None:
    return round(sum(hits) / len(hits), 4) if hits else None
