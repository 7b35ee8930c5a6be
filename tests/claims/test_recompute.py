"""R1: the stated figure against the figures beside it."""

from __future__ import annotations

import math
from decimal import ROUND_DOWN, ROUND_HALF_UP, Decimal

import pandas as pd
import pytest
from conftest import PAIR
from hypothesis import assume, given
from hypothesis import strategies as st

from impact.claims.book import Book
from impact.claims.recompute import recompute
from impact.read.claims import check_claims


def finding(row):
    (found,) = recompute(Book.of(check_claims(pd.DataFrame([row]))))
    return found
