"""Relation 19: threads and the kernel of the linear algebra change no printed digit, and none beyond the tenth."""

from __future__ import annotations

import json
import os
import platform
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

ROOT = Path(__file__).parent.parent.parent
RUN = ("group_time", "etwfe, Poisson", "synthetic", "imputation", "match, entropy", "regress, fixed effects", "regress, logit")  # fmt: skip
SCRIPT = """
import json, sys
sys.path.insert(0, {root!r})
from threadpoolctl import threadpool_info
from tests.metamorphic.subjects import SUBJECTS
found = {{}}
for name in {run!r}:
    subject = SUBJECTS[name]
    for unit, effect in subject.fit(subject.drawn(5)).items():
        found[unit] = effect.estimates[["estimate", "std_error", "p_value"]].to_numpy(float).ravel().tolist()
blas = [(i.get("architecture"), i["num_threads"]) for i in threadpool_info() if i["user_api"] == "blas"]
print(json.dumps([blas, found]))
"""
SETTINGS = {
    "one thread": {"OPENBLAS_NUM_THREADS": "1"},
    "two threads, an old kernel": {"OPENBLAS_NUM_THREADS": "2", "OPENBLAS_CORETYPE": "Prescott"},
}


def printed(numbers: list[float]) -> list[str]:
    return [f"{x:.6g}" for x in numbers]


def agree(one: dict[str, list[float]], two: dict[str, list[float]]) -> None:
    assert set(one) == set(two) and one
    for unit in one:
        assert printed(one[unit]) == printed(two[unit]), unit
        np.testing.assert_allclose(one[unit], two[unit], rtol=1e-10, atol=1e-10, err_msg=unit)


@pytest.mark.skipif(platform.machine() not in ("x86_64", "AMD64"), reason="names of x86 kernels")
def test_19_threads_and_kernels() -> None:
    started = [
        subprocess.Popen(
            [sys.executable, "-c", SCRIPT.format(root=str(ROOT), run=RUN)],
            env={**os.environ, "PYTHONHASHSEED": str(i), **setting},
            stdout=subprocess.PIPE,
            text=True,
        )
        for i, setting in enumerate(SETTINGS.values())
    ]
    said = [json.loads(process.communicate(timeout=300)[0]) for process in started]
    (first, one), (second, two) = said
    if first == second:
        pytest.skip("this linear algebra is not OpenBLAS, which alone knows these settings")
    agree(one, two)


def test_19_can_say_no() -> None:
    one = {"a": [1.0, 0.25]}
    agree(one, {"a": [1.0 + 1e-12, 0.25]})
    for off in (1e-9, 1e-5):
        with pytest.raises(AssertionError):
            agree(one, {"a": [1.0 + off, 0.25]})
