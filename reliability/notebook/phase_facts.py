"""From a manifest, the record and the configuration to the facts that the ratchet judges.

Used by the phase page and by `reliability phase ratchet`, so that both say the same. What the
facts mean is decided in `reliability.judge.ratchet`.
"""

from reliability.judge.ratchet import RatchetDecision, RatchetFacts
from reliability.sources.evidence_folder import EvidenceFolder
from reliability.sources.evidence_manifest import Thresholds
from reliability.sources.phase_document import OwnPhase
from reliability.sources.record import PhaseRecord


def decide_ratchet(
    phase: OwnPhase, *, folder: EvidenceFolder | None, record: PhaseRecord, thresholds: Thresholds | None = None
) -> RatchetDecision:
    """Decide about the threshold of a phase.

    Args:
        phase: The project's phase.
        folder: Its evidence; None when there is no manifest.
        record: Its record.
        thresholds: In force now; None: as the manifest holds them.

    Returns:
        The decision; HOLD `no-manifest` without evidence.
    """
    raise NotImplementedError


def ratchet_facts(
    phase: OwnPhase, *, folder: EvidenceFolder, record: PhaseRecord, thresholds: Thresholds
) -> RatchetFacts:
    """Gather what the ratchet judges.

    Args:
        phase: The project's phase.
        folder: Its evidence.
        record: Its record.
        thresholds: In force now.

    Returns:
        The facts.
    """
    raise NotImplementedError
