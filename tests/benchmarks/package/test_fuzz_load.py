import random

from benchmarks.package.fuzz_load import damaged, fuzz, valid_file


def test_damaged_files_are_read_or_refused_and_nothing_else_happens():
    outcomes = fuzz(1000, seed=1)
    assert sum(outcomes.values()) == 1000
    assert outcomes["refused: damaged"] > 20
    assert outcomes["refused: no result of lr_finder"] > 20


def test_damage_is_done():
    generator, valid = random.Random(0), valid_file()
    assert sum(damaged(valid, generator) != valid for _ in range(100)) > 80
