import pytest

from deployments.adapter_table import AdapterSpec, AdapterTable, parse_adapters, plan_adapters
from naviyam.errors import ConflictError, InputError, NotFoundError


def spec_of(name: str, version: str = "1") -> AdapterSpec:
    return AdapterSpec(name=name, version=version, path=f"/adapters/{name}-{version}")


def table_with(*specs: AdapterSpec, capacity: int = 4) -> AdapterTable:
    table = AdapterTable(capacity=capacity)
    for spec in specs:
        table.reserve(spec, "digest")
        table.add(spec, digest="digest", slot=table.new_slot(), path=spec.path)
    return table


def test_a_bare_name_means_the_version_loaded_last():
    table = table_with(spec_of("nlg", "1"), spec_of("nlg", "2"))
    assert table.find("nlg").spec.version == "2"
    assert table.find("nlg@1").spec.version == "1"
    table.retire("nlg@2")
    assert table.find("nlg").spec.version == "1"


def test_an_unknown_adapter_names_the_loaded_ones():
    with pytest.raises(NotFoundError, match="nlg@1"):
        table_with(spec_of("nlg")).find("tone")


def test_loading_again_is_idempotent_only_for_the_same_content():
    table = table_with(spec_of("nlg"))
    assert table.reserve(spec_of("nlg"), "digest") is False
    with pytest.raises(ConflictError, match="other content"):
        table.reserve(spec_of("nlg"), "another")


def test_room_is_bounded_and_a_merged_champion_takes_none():
    table = table_with(spec_of("a"), capacity=1)
    with pytest.raises(ConflictError, match=r"max_loras\); unload one first: a@1"):
        table.new_slot()
    merged = AdapterTable(capacity=0)
    assert merged.reserve(spec_of("champion"), "d")
    merged.add(spec_of("champion"), digest="d", slot=None, path="p")
    assert merged.free == 0
    with pytest.raises(ConflictError, match="serves no adapters"):
        merged.new_slot()


def test_slots_are_never_used_twice():
    table = table_with(spec_of("a"), spec_of("b"))
    slots = [table.find(n).slot for n in "ab"]
    table.remove(table.retire("b"))
    assert table.new_slot() not in slots


async def test_idle_waits_for_the_last_request():
    table = table_with(spec_of("a"))
    entry = table.find("a")
    assert entry.idle.is_set()
    table.begin(entry)
    table.begin(entry)
    table.end(entry)
    assert not entry.idle.is_set()
    table.end(entry)
    assert entry.idle.is_set()


def test_a_plan_touches_only_what_differs():
    a, b, c = map(spec_of, "abc")
    assert plan_adapters([a, b], [b, c]) == ((a,), (c,))


@pytest.mark.parametrize(
    "config",
    [
        {"adapters": "nlg"},
        {"adapters": [{"name": "a"}]},
        {"adapters": [{"name": "a@b", "version": "1", "path": "p"}]},
    ],
)
def test_a_wrong_user_config_is_refused(config):
    with pytest.raises(InputError):
        parse_adapters(config)


def test_a_user_config_becomes_specs():
    listed = [{"name": "nlg", "version": 2, "path": "/a"}]
    assert parse_adapters({"adapters": listed}) == (
        AdapterSpec(name="nlg", version="2", path="/a"),
    )
    assert parse_adapters({}) == ()
