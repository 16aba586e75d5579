"""What the doctor looks at on this machine: kernel, outputs, secrets.

Nothing here asks a server.
"""

import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from jupyter_client.kernelspec import KernelSpecManager, NoSuchKernel

from reliability.atomic import check_writable
from reliability.credentials import SHORTEST_TOLD
from reliability.errors import SecretError
from reliability.settings import Settings
from reliability.sources.connection import Connection
from reliability.workbench.finding import RUN_ERROR, SETTINGS, Finding, fault, note, ok

_KERNEL: Final = "python3"


def check_kernel(manager: KernelSpecManager | None = None) -> Finding:
    """Check that notebooks find a kernel whose program exists."""
    try:
        program = (manager or KernelSpecManager()).get_kernel_spec(_KERNEL).argv[0]
    except NoSuchKernel:
        program = ""
    if shutil.which(program):
        return ok("kernel", _KERNEL)
    text = f"there is no kernel {_KERNEL}, or the program that it starts does not exist"
    cure = "make it again: python -m pip install ipykernel && python -m ipykernel install --sys-prefix"
    return fault("kernel", text, cure=cure, status=RUN_ERROR)


def check_outputs(folder: Path, *, subject: str = "outputs") -> Finding:
    """Check that files can be written; the folder itself is not made."""
    try:
        check_writable(folder)
    except OSError as err:
        cure = "give yourself the right to write there, or name another folder"
        return fault(subject, f"{folder} cannot be written ({err.strerror})", cure=cure, status=RUN_ERROR)
    return ok(subject, f"{folder.name} can be written")


def check_secrets(settings: Settings, *, project: Path, environ: Mapping[str, str]) -> list[Finding]:
    """Check that each secret is there, by its name, and that it does not travel in the open."""
    found: list[Finding] = []
    for secret in settings.secrets:
        try:
            value = secret.read(project=project, environ=environ)
            text = f"{secret.option}: the {secret.place} holds one"
            if len(value) < SHORTEST_TOLD:
                text += f" of fewer than {SHORTEST_TOLD} characters, for which outputs cannot be searched"
                found.append(note("secret", text, cure="take a longer one, and never print it"))
            else:
                found.append(ok("secret", text))
        except SecretError as err:
            in_environment = "" if secret.option.endswith("_file") else f"set {secret.name} in the environment, or "
            cure = f"{in_environment}mend {secret.option}"
            found.append(fault("secret", str(err.args[0]), cure=cure, status=SETTINGS))
    url = settings.prometheus.url
    if settings.prometheus.secrets and url and url.startswith("http://") and not Connection(url=url).is_loopback:
        text, cure = "credentials would travel unencrypted", "give prometheus.url with https"
        found.append(fault("encryption", text, cure=cure, status=SETTINGS))
    return found
