"""The downstream payment system as a stub: it takes the time of the service model, and fails as drawn.

Both arms charge through it with the same law. While a control file exists it is down: every
charge fails, after its wait. Who stands between it and the guest is decided in `desk`.
"""

import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

from reliability.errors import PaymentFailedError
from reliability.staging.service_model import Outcome

OUTAGE_FILE: Final = "payment-outage"  # in the working folder of an experiment


class PaymentStub:
    """Charges guests, slowly and not always.

    Args:
        outage_file: The system is down while this file exists.
        sleep: Waits; the machine's own by default.
    """

    def __init__(self, outage_file: Path, *, sleep: Callable[[float], None] = time.sleep) -> None:
        self._outage_file = outage_file
        self._sleep = sleep

    def charge(self, outcome: Outcome) -> None:
        """Charge a guest, with the wait and the fate that the model drew.

        Raises:
            PaymentFailedError: The charge failed; nothing was paid.
        """
        self._sleep(outcome.wait_seconds)
        if self._outage_file.exists():
            raise PaymentFailedError("the payment system is down; nothing was charged")
        if outcome.fails:
            raise PaymentFailedError("the payment system refused; nothing was charged")
