"""Each problem is told once, and its end once."""

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from xmsyncd.notify.changes import Problem, Recovery, Told, decide
from xmsyncd.notify.picture import Condition, Kind

NOW = datetime(2026, 11, 23, 6, 0, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
STOPPED = Condition(Kind.STOPPED, "products", "credentials")


def parked(number: int) -> Condition:
    return Condition(Kind.PARKED, "products", number=number)


class People:
    """Who reads the messages; ``look`` is one look of the daemon."""

    def __init__(self, recovered_for: timedelta = 2 * MINUTE) -> None:
        self.told: dict[str, Told] = {}
        self.now = NOW
        self.recovered_for = recovered_for

    def look(self, *wrong: Condition, after: timedelta = MINUTE) -> list[str]:
        self.now += after
        changes, self.told = decide(self.told, wrong, self.now, self.recovered_for)
        return [
            f"{'problem' if isinstance(one, Problem) else 'recovery'} "
            f"{one.condition.kind if isinstance(one, Problem) else one.kind}"
            for one in changes
        ]


def test_a_problem_is_told_once_however_long_it_lasts():
    people = People()
    assert people.look(STOPPED) == ["problem stopped"]
    assert [people.look(STOPPED) for _ in range(100)] == [[]] * 100


def test_its_end_is_told_once_when_it_has_lasted():
    people = People()
    people.look(STOPPED)
    assert [people.look() for _ in range(5)] == [[], [], ["recovery stopped"], [], []]


def test_what_comes_back_at_once_is_no_news():
    people = People()
    people.look(STOPPED)
    for _ in range(20):
        assert people.look() == []
        assert people.look(STOPPED) == []


def test_another_reason_is_news():
    people = People()
    people.look(STOPPED)
    changes, _ = decide(people.told, [Condition(Kind.STOPPED, "products", "quota")], NOW, MINUTE)
    assert [one.again for one in changes if isinstance(one, Problem)] == [True]


def test_a_number_is_news_again_when_it_is_ten_times_as_large():
    people = People()
    told = [people.look(parked(number)) for number in (1, 2, 5, 9, 10, 11, 50, 99, 100, 3)]
    assert [bool(one) for one in told] == [True, False, False, False, True, False, False, False, True, False]


def test_several_problems_do_not_hide_each_other():
    people = People()
    assert people.look(STOPPED, parked(1)) == ["problem stopped", "problem parked"]
    assert people.look(parked(1), Condition(Kind.STOPPED, "customers", "quota")) == ["problem stopped"]


def test_a_recovery_says_since_when_people_knew():
    people = People(recovered_for=timedelta(0))
    people.look(STOPPED)
    changes, _ = decide(people.told, [], NOW + 9 * MINUTE, timedelta(0))
    assert changes == [Recovery(Kind.STOPPED, "products", NOW + MINUTE)]


@given(st.lists(st.booleans(), max_size=60))
def test_problem_and_recovery_alternate(stands_still):
    people = People()
    told = [word for still in stands_still for word in people.look(*([STOPPED] if still else []))]
    assert told == ["problem stopped", "recovery stopped"] * (len(told) // 2) + ["problem stopped"] * (
        len(told) % 2
    )
