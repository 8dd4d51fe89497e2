"""The examples in docstrings are true."""

import doctest
import importlib
import pkgutil

import pytest

import recsys.models

NAMES = [module.name for module in pkgutil.walk_packages(recsys.models.__path__, "recsys.models.")]


@pytest.mark.parametrize("name", NAMES)
def test_the_examples_of_a_module_are_true(name):
    assert doctest.testmod(importlib.import_module(name)).failed == 0
