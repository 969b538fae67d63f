"""The result in the hands of Lightning."""

import pytest

from curves import valley_curve
from integrations.lightning.classifier import LIGHTNINGS_WARNINGS, PACKAGES, classifier
from lr_finder import RangeTestResult

pytestmark = LIGHTNINGS_WARNINGS


@pytest.mark.parametrize("package", PACKAGES.values(), ids=PACKAGES)
def test_apply_sets_the_rate_of_a_module(package):
    module = classifier(package)
    result = RangeTestResult(valley_curve(), steps_taken=200)
    assert result.apply(module) == [(1e-3, result.suggestion.lr)]
    assert module.lr == result.suggestion.lr
