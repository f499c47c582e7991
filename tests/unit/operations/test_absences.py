"""A person's yes to very many absences, as it is read and as it is refused."""

from __future__ import annotations

import pytest

from xmsyncd.cycle.plan import CycleRequest
from xmsyncd.errors import ConfigurationError
from xmsyncd.operations.absences import with_absences_accepted


def test_a_full_read_may_accept_what_it_lacks():
    assert with_absences_accepted(CycleRequest(full=True)) == CycleRequest(full=True, accept_absences=True)


@pytest.mark.parametrize(
    ("request_", "said"),
    [
        (CycleRequest(), "without --full"),
        (CycleRequest(only="K1"), "without --full"),
        (CycleRequest(full=True, limit=3), "--limit"),
        (CycleRequest(full=True, only="K1"), "--only"),
    ],
)
def test_no_other_read_shows_what_is_lacking(request_: CycleRequest, said: str):
    with pytest.raises(ConfigurationError) as refused:
        with_absences_accepted(request_)
    assert said in str(refused.value)
    assert "sync --full --accept-absences" in str(refused.value)
