"""Random numbers that belong to somebody: their distributions, their independence, and months and years by hand."""

from datetime import date

import numpy as np
import pytest
from simulated import chi_square

from pipeline.simulate import draws
from pipeline.simulate.draws import Stream, Streams, by_year, days, monthly, months, ordinal, years_between

N = 100_000
IDS = np.arange(N)
SEEDS = (1, 2, 20250630)


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("nth", [0, 1])
def test_uniform_by_mean_variance_and_counts(seed, nth):
    """Mean 1/2 and variance 1/12, whose own variances are 1/12 and 1/180 over N; hundredths equally often."""
    u = Streams(seed).at("x", 7).uniform(IDS, nth)
    assert 0 < u.min() < u.max() < 1
    assert abs(u.mean() - 1 / 2) < 4 * np.sqrt(1 / 12 / N)
    assert abs(((u - 1 / 2) ** 2).mean() - 1 / 12) < 4 * np.sqrt(1 / 180 / N)
    value, bound = chi_square(np.bincount((100 * u).astype(int), minlength=100), np.full(100, N / 100))
    assert value < bound


def _inverse(steps, name):
    """The id whose mixed bits are `z`: each step of the mixing undone, in whole numbers modulo 2^64."""
    size = 2**64
    for shift, factor in ((31, int(draws._SECOND)), (27, int(draws._FIRST)), (30, int(draws._GOLDEN))):
        back = steps
        for _ in range(64 // shift + 1):
            back = steps ^ (back >> shift)
        back = back - int(draws._key(name, 0)) if shift == 30 else back
        steps = back * pow(factor, -1, size) % size
    return steps


@pytest.mark.parametrize("bits", [0, 2**64 - 1, 2**63, 2**64 - 2**11])
def test_uniform_reaches_neither_end(bits):
    """The ids whose mixed bits are the lowest and the highest there are."""
    name = Streams(3).at("x").name
    u = Stream(name).uniform(np.array([_inverse(bits, name)], np.uint64))[0]
    assert 0 < u < 1
    assert abs(u - bits / 2**64) < 1e-15
    assert np.isfinite(Stream(name).normal(np.array([_inverse(bits, name)], np.uint64))[0])


def pairs():
    """Numbers that are drawn beside each other somewhere: they must tell nothing of each other."""
    at = Streams(5).at
    first = at("exits", 4).uniform(IDS)
    return {
        "the next family": (first[:-1], first[1:]),
        "the family after twelve": (first[:-12], first[12:]),
        "the next member": (first[:-16], first[16:]),
        "another purpose": (first, at("advance", 4).uniform(IDS)),
        "the next month": (first, at("exits", 5).uniform(IDS)),
        "the same month a year on": (first, at("exits", 16).uniform(IDS)),
        "a second number": (first, at("exits", 4).uniform(IDS, 1)),
        "a third number": (at("exits", 4).uniform(IDS, 1), at("exits", 4).uniform(IDS, 2)),
        "the next seed": (first, Streams(6).at("exits", 4).uniform(IDS)),
        "a rehearsal": (first, Streams(5, " rehearsal 0").at("exits", 4).uniform(IDS)),
        "another rehearsal": (
            Streams(5, " rehearsal 0").at("exits", 4).uniform(IDS),
            Streams(5, " rehearsal 1").at("exits", 4).uniform(IDS),
        ),
        "the family of a person": (first[: N // 16], first[::16]),
    }


@pytest.mark.parametrize("beside", list(pairs()))
def test_numbers_tell_nothing_of_each_other(beside):
    """A hundred equal squares equally often; the correlation of n pairs has standard deviation 1/sqrt(n)."""
    a, b = pairs()[beside]
    n = len(a)
    assert abs(np.corrcoef(a, b)[0, 1]) < 4 / np.sqrt(n)
    squares = np.bincount(10 * (10 * a).astype(int) + (10 * b).astype(int), minlength=100)
    value, bound = chi_square(squares, np.full(100, n / 100))
    assert value < bound


def test_the_months_of_one_family_are_as_even_as_the_families_of_one_month():
    u = np.array([Streams(5).at("exits", m).uniform(np.array([77]))[0] for m in range(4000)])
    value, bound = chi_square(np.bincount((20 * u).astype(int), minlength=20), np.full(20, 200))
    assert value < bound
    assert abs(np.corrcoef(u[:-1], u[1:])[0, 1]) < 4 / np.sqrt(4000)


def test_a_familys_number_does_not_depend_on_the_others():
    stream, some = Streams(9).at("x", 3), np.array([5, 99_999, 12, 5])
    together = stream.uniform(IDS)
    assert stream.uniform(some).tolist() == together[some].tolist()
    assert stream.uniform(some.astype(np.uint64)).tolist() == together[some].tolist()
    assert stream.uniform(IDS[::-1]).tolist() == together[::-1].tolist()
    assert stream.uniform(IDS[:0]).tolist() == []
    assert Streams(9).at("x", 3).uniform(IDS).tolist() == together.tolist()


def test_the_ids_are_left_as_they_were():
    ids = np.arange(10, dtype=np.uint64)
    Streams(1).at("x").uniform(ids)
    assert ids.tolist() == list(range(10))


def test_every_stream_is_another_one():
    streams = {
        Streams(seed, branch).at(purpose, month).uniform(np.array([1]), nth)[0]
        for seed in (1, 11) for branch in ("", " rehearsal 1", " rehearsal 11") for purpose in ("a", "a 1", "b")
        for month in (0, 1, 11) for nth in (0, 1, 11)
    }  # fmt: skip
    assert len(streams) == 2 * 3 * 3 * 3 * 3


@pytest.mark.parametrize("seed", SEEDS)
def test_normal_by_the_table_of_its_distribution(seed):
    """Shares below -2, -1, 0, 1 and 2: 0.02275, 0.15866, 0.5, 0.84134, 0.97725."""
    x = Streams(seed).at("x").normal(IDS)
    shares = np.diff([0, 0.0227501, 0.1586553, 0.5, 0.8413447, 0.9772499, 1])
    value, bound = chi_square(np.bincount(np.digitize(x, [-2, -1, 0, 1, 2]), minlength=6), N * shares)
    assert value < bound


@pytest.mark.parametrize("seed", SEEDS)
def test_exponential_by_its_survival(seed):
    """Longer than t with chance exp(-t)."""
    x = Streams(seed).at("x").exponential(IDS)
    edges = np.array([0.1, 0.5, 1, 2, 4])
    shares = np.diff([0, *(1 - np.exp(-edges)), 1])
    value, bound = chi_square(np.bincount(np.digitize(x, edges), minlength=6), N * shares)
    assert value < bound
    assert x.min() > 0


@pytest.mark.parametrize("seed", SEEDS)
def test_whole_numbers_from_low_to_below_high(seed):
    x = Streams(seed).at("x").whole(IDS, 5, 61)
    value, bound = chi_square(np.bincount(x - 5, minlength=56), np.full(56, N / 56))
    assert value < bound
    assert (x.min(), x.max()) == (5, 60)


def test_whole_numbers_below_a_limit_of_each_ones_own():
    high = np.where(IDS % 2 == 0, 2, 3)
    x = Streams(1).at("x").whole(IDS, 1, high)
    assert set(x[::2].tolist()) == {1}
    assert set(x[1::2].tolist()) == {1, 2}


@pytest.mark.parametrize("shares", [{"a": 0.7, "b": 0.1, "c": 0.2}, {2017: 3.0, 2018: 1.0}, {"all": 0.4}])
def test_picks_in_proportion(shares):
    x = Streams(1).at("x").pick(IDS, shares)
    expected = N * np.array(list(shares.values())) / sum(shares.values())
    value, bound = chi_square(np.bincount(x, minlength=len(shares)), expected)
    assert value <= bound
    assert Streams(1).at("x").pick(IDS, shares | {"never": 0.0}).max() < len(shares)


@pytest.mark.parametrize("chance", [0.0, 0.03, 0.5, 1.0])
def test_chance_by_its_share(chance):
    x = Streams(1).at("x").chance(IDS, chance)
    assert abs(x.mean() - chance) <= 4 * np.sqrt(chance * (1 - chance) / N)


def test_chances_of_each_ones_own():
    x = Streams(1).at("x").chance(IDS, IDS % 2)
    assert not x[::2].any()
    assert x[1::2].all()


def test_days_are_the_second_to_the_28th():
    month = months(date(2023, 2, 1), date(2023, 2, 1))[0]
    found = days(Streams(1).at("x"), month, IDS)
    value, bound = chi_square(np.bincount((found - month.start).astype(int), minlength=28)[1:], np.full(27, N / 27))
    assert value < bound
    assert (str(found.min()), str(found.max())) == ("2023-02-02", "2023-02-28")


def test_calendar_by_hand():
    found = months(date(2019, 12, 1), date(2020, 2, 29))
    assert [(m.index, m.year, m.number) for m in found] == [(0, 2019, 12), (1, 2020, 1), (2, 2020, 2)]
    assert [str(m.start) for m in found] == ["2019-12-01", "2020-01-01", "2020-02-01"]
    assert str(found[2].end) == "2020-03-01"
    assert [m.closes_quarter for m in found] == [True, False, False]
    # December 2019: 49 years and 11 months after January 1970, 12 * 49 + 11 = 599, in quarter 599 // 3 = 199.
    assert [(m.ordinal, m.quarter) for m in found] == [(599, 199), (600, 200), (601, 200)]


@pytest.mark.parametrize(("year", "value"), [(2010, 1), (2018, 1), (2019, 1), (2020, 5), (2024, 5)])
def test_values_by_year_by_hand(year, value):
    assert by_year({2018: 1, 2020: 5}, year) == value
    assert by_year({2020: 5, 2018: 1}, year) == value


def test_monthly_chance_by_hand():
    """A hazard of 12 ln 2 a year is one of ln 2 a month, which half survive; twelve months multiply to the year."""
    assert monthly(12 * np.log(2)) == pytest.approx(0.5)
    assert (1 - monthly(0.3)) ** 12 == pytest.approx(np.exp(-0.3))
    assert monthly(0.0) == 0


@pytest.mark.parametrize(
    ("earlier", "later", "years"),
    [("2000-07-31", "2010-06-01", 9), ("2000-07-31", "2010-07-01", 10), ("2010-01-01", "2009-12-31", -1)],
)
def test_years_between_by_hand(earlier, later, years):
    assert years_between(np.datetime64(earlier), np.datetime64(later)) == years


def test_no_day_is_before_all_months():
    assert ordinal(np.array(["1970-03-05", "NaT"], "M8[D]")).tolist()[0] == 2
    assert ordinal(np.datetime64("NaT")) < ordinal(np.datetime64("1000-01-01"))
