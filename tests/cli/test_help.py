"""Help is instant, complete, and the same everywhere."""

from __future__ import annotations

import importlib
import re
import subprocess
import sys

import click
import pytest

from kit.cli.main import _COMMANDS, cli

FRAMEWORKS = ("tensorflow", "keras", "jax", "torch")


def loaded_modules(arguments):
    """Run `kit` in a new process; return the top-level modules it has imported, and its output."""
    program = (
        "import sys\n"
        "from kit.cli.main import main\n"
        f"try:\n    main({arguments!r})\n"
        "except SystemExit as end:\n"
        "    print('EXIT', end.code)\n"
        "print('MODULES', *sorted({name.partition('.')[0] for name in sys.modules}))\n"
    )
    output = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=60
    ).stdout
    text, _, modules = output.rpartition("MODULES")
    return set(modules.split()), text


@pytest.mark.parametrize(
    "arguments",
    [
        ["--help"],
        ["run", "--help"],
        ["list"],
        ["list", "workloads"],
        ["show", "mnist"],
        ["doctor"],
        ["keys", "--help"],
        ["verify", "--help"],
        ["heldout", "check", "--help"],
        ["freeze", "--help"],
        ["study", "--help"],
        ["plan", "--help"],
        ["upload", "--help"],
        ["review", "--help"],
        ["witness", "--help"],
        ["calibrate", "--help"],
        ["compare", "--help"],
        ["reproduce", "--help"],
        ["data", "list"],
    ],
    ids=" ".join,
)
def test_command_imports_no_framework(arguments):
    modules, text = loaded_modules(arguments)
    assert not modules.intersection(FRAMEWORKS)
    assert "EXIT 2" not in text


def test_help_lists_every_command_with_an_example():
    _, text = loaded_modules(["--help"])
    for name, (_, line) in _COMMANDS.items():
        assert re.search(rf"^  {name} +{re.escape(line[:30])}", text, re.MULTILINE)
    assert "Example: kit run --workload mnist" in text


def commands():
    """Yield the path and object of every command and subcommand."""

    def walk(path, command):
        yield path, command
        if isinstance(command, click.Group):
            for name, child in command.commands.items():
                yield from walk(f"{path} {name}", child)

    for name, (target, _) in _COMMANDS.items():
        module, _, attribute = target.partition(":")
        yield from walk(name, getattr(importlib.import_module(module), attribute))


def test_every_command_has_a_sentence_and_an_example():
    for path, command in commands():
        assert command.help, path
        assert command.help.split("\n\n")[0].strip().endswith("."), path
        assert "Example" in (command.epilog or ""), path


def test_every_option_has_a_full_sentence():
    for path, command in commands():
        for parameter in command.params:
            if isinstance(parameter, click.Option):
                sentence = parameter.help or ""
                assert sentence[:1].isupper(), (path, parameter.name)
                assert sentence.endswith("."), (path, parameter.name)


def test_unknown_command_exits_2(capsys):
    from kit.cli.main import main

    with pytest.raises(SystemExit) as exit_:
        main(["race"])
    assert exit_.value.code == 2
    assert "No such command 'race'" in capsys.readouterr().err


def test_group_knows_no_command_that_is_not_listed():
    assert cli.get_command(click.Context(cli), "race") is None
