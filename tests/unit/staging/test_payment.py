import pytest

from reliability.errors import PaymentFailedError
from reliability.staging.payment import OUTAGE_FILE, PaymentStub
from reliability.staging.service_model import Outcome


@pytest.fixture
def waits():
    return []


@pytest.fixture
def payments(tmp_path, waits):
    return PaymentStub(tmp_path / OUTAGE_FILE, sleep=waits.append)


def test_a_charge_takes_the_time_of_the_model(payments, waits):
    payments.charge(Outcome(0.25, fails=False))

    assert waits == [0.25]


def test_a_charge_fails_as_drawn_after_its_wait(payments, waits):
    with pytest.raises(PaymentFailedError, match="refused"):
        payments.charge(Outcome(0.25, fails=True))

    assert waits == [0.25]


def test_every_charge_fails_while_the_system_is_down_and_none_when_it_is_back(payments, waits, tmp_path):
    (tmp_path / OUTAGE_FILE).touch()
    with pytest.raises(PaymentFailedError, match="down"):
        payments.charge(Outcome(0.25, fails=False))
    (tmp_path / OUTAGE_FILE).unlink()

    payments.charge(Outcome(0.5, fails=False))

    assert waits == [0.25, 0.5]
