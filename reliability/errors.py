"""Every exception of the package, each with a slug that tests and logs can rely on.

A message says what happened with its value, where, and what to do next; the slug is
appended. Deciding what an error means for a verdict does not belong here.
"""


class ReliabilityError(Exception):
    """Base of all errors that this package raises on purpose.

    Attributes:
        slug: Stable short name, shown in square brackets behind the message.
    """

    slug = "reliability"

    def __str__(self) -> str:
        """Return the message with the slug behind it."""
        return f"{super().__str__()} [{self.slug}]"


class UsageError(ReliabilityError):
    """The request cannot be understood; found before any work (exit status 2)."""

    slug = "usage"


class SettingsError(UsageError):
    """`reliability.toml` has an unknown key or an impossible value."""

    slug = "settings"


class SecretError(SettingsError):
    """A secret that the settings name cannot be read."""

    slug = "secret"


class ParameterError(UsageError):
    """A notebook parameter is unknown, has the wrong type or an impossible value."""

    slug = "notebook-parameter"


class NotebookError(UsageError):
    """A file cannot be run as a notebook: it is none, it lies outside the project, or its name serves no page."""

    slug = "notebook"


class UnknownReportError(UsageError):
    """No notebook has this name, or several begin with it."""

    slug = "unknown-report"


class ThresholdError(UsageError):
    """The threshold of coverage cannot be told, or not be changed safely; no file was changed."""

    slug = "threshold"


class DocumentError(UsageError):
    """The document of a phase cannot be brought up to date or read; it was not changed."""

    slug = "phase-document"


class SelectorError(UsageError):
    """A metric name or a label matcher is not valid PromQL."""

    slug = "selector"


class PrometheusRefusedError(UsageError):
    """The server does not understand the query: it does not parse, or a parameter is wrong."""

    slug = "promql"


class SourceError(ReliabilityError):
    """Evidence could not be fetched or read: the verdict is NO_DATA (exit status 4)."""

    slug = "source"


class MissingEvidenceError(SourceError):
    """A file of evidence does not exist."""

    slug = "missing-evidence"


class BrokenEvidenceError(SourceError):
    """A file of evidence is torn, foreign or does not match its checksum."""

    slug = "broken-evidence"


class ForeignHistoryError(BrokenEvidenceError):
    """The settings name a history of the noise that was measured on another metric, quantile or kind of error."""

    slug = "foreign-history"


class PrometheusUnreachableError(SourceError):
    """The server refused, or did not answer within the deadline."""

    slug = "prometheus-unreachable"


class PrometheusAnswerError(SourceError):
    """The server answered, but with an error or with something that is no answer."""

    slug = "prometheus-answer"


class PrometheusBusyError(PrometheusAnswerError):
    """The server failed or wants to be left alone just now (5xx, 429)."""

    slug = "prometheus-busy"


class PrometheusAuthError(SourceError):
    """The server wants a login, or did not accept the one it was given."""

    slug = "prometheus-auth"


class QueryTooBigError(SourceError):
    """The server refused a query because it would read or return too much."""

    slug = "query-too-big"


class QueryTooSlowError(SourceError):
    """The server gave a query up because it took too long."""

    slug = "query-too-slow"


class CircuitOpenError(SourceError):
    """A dependency failed so often that it was not asked.

    Attributes:
        retry_after_seconds: When it is tried again; 0 while a probe is under way.
    """

    slug = "breaker-open"

    def __init__(self, message: str, *, retry_after_seconds: float) -> None:
        super().__init__(message)
        self.retry_after_seconds = retry_after_seconds


class RunError(ReliabilityError):
    """A report could not be made (exit status 5)."""

    slug = "run"


class NotebookFailedError(RunError):
    """A cell of the notebook raised."""

    slug = "notebook-failed"


class NoVerdictError(RunError):
    """A notebook ran to its end, but left no verdict or a malformed one."""

    slug = "no-verdict"


class ReportFailedError(RunError):
    """A notebook ran, but no page could be made of what it left."""

    slug = "report-failed"


class SecretInOutputError(RunError):
    """A result holds the value of a configured secret; nothing of it was written."""

    slug = "secret-in-output"


class WriteError(RunError):
    """A file could not be written whole; nothing was changed."""

    slug = "write"


class StagingError(RunError):
    """The staging service, its load or its Prometheus did not do what was asked."""

    slug = "staging"


class PaymentFailedError(StagingError):
    """The stub of the payment system did not charge a guest."""

    slug = "payment-failed"


class BackendError(ReliabilityError):
    """The store behind locks or sessions could not do what was asked; nothing was granted or changed."""

    slug = "backend"


class BackendUnavailableError(BackendError):
    """The store cannot be reached, or went away in the middle of a call; it may be asked again later."""

    slug = "backend-unavailable"


class BackendBusyError(BackendError):
    """Others held the store for longer than a call waits; it may be asked again at once."""

    slug = "backend-busy"


class BackendBrokenError(BackendError):
    """The store is damaged, full, read-only, or was made by a newer version of the program."""

    slug = "backend-broken"


class LockError(ReliabilityError):
    """The lock service refused; the lease that was shown, if any, is as it was."""

    slug = "lock"


class RangeConflictError(LockError):
    """Somebody else holds an overlapping range of the resource (exit status 6).

    Attributes:
        holders: Who holds it, each once, those with the earliest range first.
    """

    slug = "range-conflict"

    def __init__(self, message: str, *, holders: tuple[str, ...]) -> None:
        super().__init__(message)
        self.holders = holders


class NotHolderError(LockError):
    """The lease is not held: it was released, given to somebody else, or is of another resource or store."""

    slug = "not-holder"


class LeaseExpiredError(LockError):
    """The time to live of the lease is over, though nobody has taken its range yet."""

    slug = "lease-expired"


class NotForwardError(LockError):
    """An extension must end later than the lease does."""

    slug = "not-forward"


class MaxExtensionsError(LockError):
    """The lease was extended as often as it may be."""

    slug = "max-extensions"


class MaxTotalError(LockError):
    """The range would become longer than it may be."""

    slug = "max-total"


class RangeError(UsageError):
    """A range, a time to live or a name that no lock can be taken for."""

    slug = "range"


class SessionExpiredError(ReliabilityError):
    """There is no such session, or no longer: it is never made again by an update."""

    slug = "session-expired"


class VersionConflictError(ReliabilityError):
    """Somebody else updated the session in between; nothing was changed.

    Attributes:
        current_version: Version that the session has now.
    """

    slug = "version-conflict"

    def __init__(self, message: str, *, current_version: int) -> None:
        super().__init__(message)
        self.current_version = current_version


class SessionExistsError(ReliabilityError):
    """A living session has this id already; it was not touched."""

    slug = "session-exists"


class SessionPatchError(UsageError):
    """A context or a patch that no session can take: no object, a wrong key, or too large."""

    slug = "session-patch"
