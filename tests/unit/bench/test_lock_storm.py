"""The storm's eye: what it must call a double booking or an inversion, and what not."""

from tests.bench.lock_storm import Holding, double_bookings, inversions


def held(token, hours, asked, granted, released, *, resource="a", extension=False):
    return Holding(
        resource=resource,
        start=hours[0],
        end=hours[1],
        token=token,
        asked_at=asked,
        granted_at=granted,
        released_at=released,
        extension=extension,
    )


def test_an_hour_that_two_hold_at_once_is_booked_twice():
    assert double_bookings([held(1, (0, 2), 0, 1, 5), held(2, (1, 3), 2, 3, 4)]) == 1


def test_hours_that_touch_other_resources_and_what_was_given_back_are_not():
    first = held(1, (0, 2), 0, 1, 5)

    others = [held(2, (2, 3), 2, 3, 4), held(3, (0, 2), 2, 3, 4, resource="b"), held(4, (0, 2), 4, 6, 7)]

    assert double_bookings([first, *others]) == 0


def test_an_extension_can_book_twice_but_its_token_is_that_of_its_lease():
    grown = held(1, (2, 4), 5, 6, 9, extension=True)

    assert double_bookings([grown, held(2, (3, 5), 6, 7, 8)]) == 1
    assert inversions([grown, held(2, (0, 1), 2, 3, 4)]) == 0


def test_a_later_holder_with_a_smaller_token_is_an_inversion():
    assert inversions([held(2, (0, 2), 0, 1, 2), held(1, (1, 3), 0.5, 3, 4)]) == 1


def test_a_token_behind_a_larger_one_of_the_resource_is_an_inversion_though_the_hours_differ():
    assert inversions([held(2, (0, 1), 0, 1, 9), held(1, (5, 6), 2, 3, 9)]) == 1
    assert inversions([held(2, (0, 1), 0, 3, 9), held(1, (5, 6), 2, 4, 9)]) == 0  # asked for before the answer


def test_an_answer_that_came_when_its_lease_had_expired_gave_nothing_to_hold():
    assert double_bookings([held(1, (0, 1), 0, 5, 4), held(2, (0, 1), 4, 4.5, 9)]) == 0
    assert inversions([held(1, (0, 1), 0, 5, 4), held(2, (0, 1), 4, 4.5, 9)]) == 0
