"""What is kept of a stream of unknown length."""

from itertools import pairwise

from hypothesis import given, strategies as st

from bench.programs.watching.track import Sample, Subsampled


@given(st.integers(1, 3000), st.integers(4, 100))
def test_first_last_and_evenly_spaced_ones_are_kept(n: int, most: int) -> None:
    thinned: Subsampled[tuple[int]] = Subsampled(most)
    for number in range(n):
        thinned.add((number,))
    kept = [number for (number,) in thinned.items()]
    assert (kept[0], kept[-1]) == (0, n - 1)
    assert min(n, most // 2) <= len(kept) <= most
    assert len({after - before for before, after in pairwise(kept[:-1])}) <= 1


def test_a_sample_of_all_is_all() -> None:
    sample = Sample(10)
    for number in (3.0, 1.0, 2.0, 5.0, 4.0):
        sample.add(number)
    assert [sample.quantile(share) for share in (0, 0.1, 0.5, 1)] == [1, 1.4, 3, 5]
    assert Sample(10).quantile(0.5) is None


def test_a_sample_of_many_is_like_them() -> None:
    sample = Sample(1000)
    for number in range(100_000):
        sample.add(float(number))
    median = sample.quantile(0.5)
    assert sample.seen == 100_000
    assert median is not None
    assert 45_000 < median < 55_000
