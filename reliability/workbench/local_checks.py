"""What the doctor looks at on this machine: Python, kernel, outputs, secrets.

Nothing here asks a server.
"""

import platform
import shutil
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from jupyter_client.kernelspec import KernelSpecManager, NoSuchKernel

from reliability.errors import SecretError
from reliability.settings import PrometheusSettings
from reliability.sources.connection import Connection
from reliability.workbench.finding import RUN_ERROR, SETTINGS, Finding, fault, ok

KERNEL: Final = "python3"
_OLDEST: Final = (3, 11)


def check_python(version: tuple[int, ...] = sys.version_info[:2]) -> Finding:
    """Check the version of Python."""
    if version >= _OLDEST:
        return ok("python", platform.python_version())
    found = ".".join(str(part) for part in version)
    return fault("python", f"{found} is too old", cure="install Python 3.11 or newer", status=RUN_ERROR)


def check_kernel(manager: KernelSpecManager | None = None) -> Finding:
    """Check that notebooks find a kernel whose program exists."""
    try:
        program = (manager or KernelSpecManager()).get_kernel_spec(KERNEL).argv[0]
    except NoSuchKernel:
        return fault(
            "kernel", f"there is no kernel {KERNEL}", cure="install it: pip install ipykernel", status=RUN_ERROR
        )
    if shutil.which(program) is None:
        return fault(
            "kernel",
            f"the kernel {KERNEL} starts a program that does not exist",
            cure="make it again: python -m ipykernel install --sys-prefix",
            status=RUN_ERROR,
        )
    return ok("kernel", KERNEL)


def check_outputs(folder: Path) -> Finding:
    """Check that results can be written; the folder itself is not made."""
    place = next(each for each in (folder, *folder.parents) if each.exists())
    try:
        with tempfile.TemporaryFile(dir=place):
            return ok("outputs", f"{folder.name} can be written")
    except OSError as err:
        return fault(
            "outputs",
            f"{place} cannot be written ({err.strerror or err})",
            cure="give yourself the right to write there, or name another folder with --out",
            status=RUN_ERROR,
        )


def check_secrets(settings: PrometheusSettings, *, project: Path, environ: Mapping[str, str]) -> list[Finding]:
    """Check that each secret is there, by its name, and that it does not travel in the open."""
    found: list[Finding] = []
    for secret in settings.secrets:
        try:
            secret.read(project=project, environ=environ)
            found.append(ok("secret", f"{secret.option}: the {secret.place} holds one"))
        except SecretError as err:
            found.append(fault("secret", str(err.args[0]), cure=f"mend {secret.option}", status=SETTINGS))
    if settings.secrets and settings.url and settings.url.startswith("http://"):
        if Connection(url=settings.url).is_loopback:
            return [*found, ok("encryption", "credentials stay on this machine")]
        cure = "give prometheus.url with https"
        found.append(fault("encryption", "credentials would travel unencrypted", cure=cure, status=SETTINGS))
    return found
