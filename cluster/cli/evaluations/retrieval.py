"""Evaluates stage 5A: labelled queries against baselines, seeded questions, and indexes by size. No Ray."""

import time
from typing import Any

from cluster.cli.evaluations.retrieval_indexes import Sizes, measure_sizes
from cluster.cli.evaluations.scale import Scale
from cluster.cli.evaluations.seeded_questions import evaluate_search
from cluster.cli.measures import quantile
from cluster.cli.session import Session
from naviyam.evaluation.section import Section, Table

_NOTES = (
    "Labels are rules over a shop's own name, menus, kinds and place, written by hand per query before any search was "
    "run, then widened where a reading of the pooled first ten showed a good shop with grade 0. Rules about words favour "
    "lexical search, and one author wrote both the rules for moods and the words that moods are read as: believe the "
    "kinds dish, typo, name, category and place more.",
    "Recall@20 is relevant among 20 by min(20, relevant). Weights were tuned on the dev part only.",
    "Latencies are of new queries, the sentence encoder included; on a busy machine believe the CPU time.",
    "Indexes beyond the catalogue's own size hold recombined shops and mixes of their vectors: simulated.",
)


def run(session: Session, scale: Scale) -> Section:
    """Return what the search finds in the catalogue published here."""
    seeded = evaluate_search(session, count=scale.questions, seed=scale.seed)
    title = f"understanding and search, {seeded['questions']} seeded questions"
    session.say("retrieval: labelled queries")
    labelled, tables, version = _labelled(session)
    session.say("retrieval: indexes by size")
    sizes: Sizes = measure_sizes(session, scale)
    return Section(
        figures={**seeded, "labelled": labelled, "indexes": sizes.figures},
        sets={
            "questions": f"generated, seed {scale.seed}",
            "retrieval_queries": version,
            "catalog": seeded["catalog"],
        },
        tables=(
            Table(title=title, columns=("what", "value"), rows=tuple(seeded.items())),
            *tables,
            *sizes.tables,
        ),
        plots=sizes.plots,
        notes=_NOTES,
    )


def _labelled(session: Session) -> tuple[dict[str, Any], tuple[Table, ...], str]:
    from naviyam.catalog.gazetteer import Gazetteer
    from naviyam.catalog.store import Catalog
    from naviyam.evaluation.retrieval_quality import measure_quality
    from naviyam.evaluation.retrieval_set import load_queries
    from naviyam.evaluation.retrieval_systems import Systems
    from naviyam.retrieval.encoder import load_encoder
    from naviyam.retrieval.index import Index
    from naviyam.versions import current

    settings = session.settings
    folder = current(settings.paths.catalog)
    catalog = Catalog.load(folder)
    encoder = load_encoder(settings.retrieval)
    index = Index.open(settings.paths.index, catalog, encoder, settings.retrieval)
    systems = Systems(catalog, index, encoder, Gazetteer.load(folder), settings)
    queries, version = load_queries()
    wall, cpu = [], []
    for query in queries:
        request = systems.request(query, filtered=True)
        began = time.perf_counter(), time.process_time()
        systems.search(request)
        wall.append(time.perf_counter() - began[0])
        cpu.append(time.process_time() - began[1])
    figures, tables = measure_quality(systems, queries, catalog)
    for name, seconds in (("retrieve_ms", wall), ("retrieve_cpu_ms", cpu)):
        figures[f"{name}_p50"] = round(quantile(seconds, 0.5) * 1_000, 2)
        figures[f"{name}_p95"] = round(quantile(seconds, 0.95) * 1_000, 2)
    return figures, tables, version
