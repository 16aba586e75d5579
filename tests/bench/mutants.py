"""How many changes of the resilience components the tests notice.

Run by `make mutants`, which pipes `mutmut results --all true` in. A change that a test noticed or
that ran into a time limit counts as noticed; the rest are printed by name, for `mutmut show`.
"""

import sys
from collections import Counter
from collections.abc import Iterable

LEAST_PERCENT = 90.0
_NOTICED = ("killed", "timeout", "segfault")


def tally(lines: Iterable[str]) -> tuple[dict[str, Counter[bool]], list[str]]:
    """Count by module what was noticed.

    Args:
        lines: Lines such as `reliability.resilience.circuit_breaker.x__check__mutmut_1: killed`.

    Returns:
        Noticed and missed changes by module, and the lines of the missed ones.
    """
    counts: dict[str, Counter[bool]] = {}
    missed = []
    for line in lines:
        name, _, status = line.strip().partition(": ")
        if not status:
            continue
        is_noticed = status in _NOTICED
        counts.setdefault(name.rpartition(".")[0], Counter())[is_noticed] += 1
        if not is_noticed:
            missed.append(line.strip())
    return counts, missed


def main() -> int:
    """Print the shares; 0 when each is large enough, 1 when not, 4 when nothing was changed."""
    counts, missed = tally(sys.stdin)
    sys.stdout.writelines(f"missed: {line}\n" for line in missed)
    shares = {module: 100.0 * both[True] / both.total() for module, both in counts.items()}
    for module, share in shares.items():
        sys.stdout.write(f"{module}: {counts[module][True]} of {counts[module].total()} noticed, {share:.1f} %\n")
    if not shares:
        return 4
    return int(min(shares.values()) < LEAST_PERCENT)


if __name__ == "__main__":
    sys.exit(main())
