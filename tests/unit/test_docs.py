import re
import shlex
from pathlib import Path

import click
import pytest

from reliability.cli import cli

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")


def commands(group, prefix=()):
    context = click.Context(group)
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        path = (*prefix, name)
        if isinstance(command, click.Group):
            yield from commands(command, path)
        if not isinstance(command, click.Group) or command.invoke_without_command:
            yield path, command


COMMANDS = dict(commands(cli))
BLOCKS = "\n".join(re.findall(r"```sh\n(.*?)```", README, re.DOTALL)).replace("\\\n", " ")


@pytest.mark.parametrize("path", COMMANDS, ids=" ".join)
def test_every_command_stands_in_the_readme_and_has_help(path):
    assert f"reliability {' '.join(path)}" in README
    assert COMMANDS[path].help


def test_every_command_line_of_the_readme_is_understood():
    lines = [line for line in BLOCKS.splitlines() if line.startswith(".venv/bin/reliability")]
    assert lines

    for line in lines:
        words = shlex.split(line, comments=True)[1:]
        size = next(size for size in (3, 2, 1) if tuple(words[:size]) in COMMANDS)
        COMMANDS[tuple(words[:size])].make_context(words[0], words[size:])


def test_every_make_target_of_the_readme_exists_and_has_help():
    targets = set(re.findall(r"^([a-z-]+):.*## ", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))

    assert set(re.findall(r"(?:^|`)make ([a-z-]+)", README, re.MULTILINE)) <= targets


def test_the_picture_of_the_readme_exists():
    for picture in re.findall(r"!\[[^\]]+\]\(([^)]+)\)", README):
        assert (ROOT / picture).is_file()
