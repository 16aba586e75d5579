"""Habits: sleeps and unspecific exceptions are found in the code of tests, under whatever name."""

import ast
from textwrap import dedent

import pytest

from reliability.phase.habits import find_sleeps, find_unspecific_exceptions


def lines(find, code):
    return [place.line for place in find(ast.parse(dedent(code)))]


SLEEPING = {
    "time": "import time\ntime.sleep(1)",
    "module alias": "import time as clock\nclock.sleep(0.1)",
    "function alias": "from time import sleep as nap\nnap(PAUSE)",
    "assigned alias": "import time\nnap = time.sleep\nnap(2)",
    "star": "from time import *\nsleep(1)",
    "asyncio": "import asyncio\nasync def test():\n    await asyncio.sleep(.01)",
    "asyncio function": "from asyncio import sleep\nasync def test():\n    await sleep(delay=1)",
    "inside a wait": "import asyncio\nasyncio.run(asyncio.wait_for(asyncio.sleep(5), 1))",
    "other loops": "import anyio, trio\nanyio.sleep(1)\ntrio.sleep(1)",
    "in a thread": "import asyncio, time\nasyncio.to_thread(time.sleep, 1)",
    "as a thread": "import threading, time\nthreading.Thread(target=time.sleep, args=(1,))",
    "in a poll": "import time\ndef test(ready):\n    while not ready():\n        time.sleep(0.05)",
    "in a lambda": "import time\nwait = lambda: time.sleep(1)",
    "imported inside": "def test():\n    import time\n    time.sleep(1)",
    "in a browser": "def test(page):\n    page.wait_for_timeout(500)",
    "another thing patched": (
        "import time\ndef test(monkeypatch):\n    monkeypatch.setattr('shop.sleep', print)\n    time.sleep(1)"
    ),
    "patched in another test": (
        "import time\ndef test_a(monkeypatch):\n    monkeypatch.setattr(time, 'sleep', print)\n"
        "def test_b():\n    time.sleep(1)"
    ),
}

NOT_SLEEPING = {
    "zero": "import time, asyncio\ntime.sleep(0)\nasyncio.sleep(0.0)\nasyncio.sleep(delay=0)",
    "not called": "import time\nclient = Client(sleep=time.sleep)",
    "a clock of the test": "import time\ndef test(time):\n    time.sleep(5)",
    "a function of the test": "from time import sleep\ndef test(sleep):\n    sleep(5)",
    "a method": "def test(clock):\n    clock.sleep(3)",
    "in words": "'''time.sleep(1)'''\n# time.sleep(1)",
    "monkeypatched by name": (
        "import time\ndef test(monkeypatch):\n    monkeypatch.setattr('time.sleep', print)\n    time.sleep(1)"
    ),
    "monkeypatched by object": (
        "import time\ndef test(monkeypatch):\n    monkeypatch.setattr(time, 'sleep', print)\n    time.sleep(1)"
    ),
    "patched with a decorator": (
        "import time\nfrom unittest.mock import patch\n@patch('time.sleep')\ndef test(_):\n    time.sleep(1)"
    ),
    "patched in a with": (
        "import time\ndef test(mocker):\n    with mocker.patch.object(time, 'sleep'):\n        time.sleep(1)"
    ),
    "patched for a class": (
        "import time\nfrom unittest.mock import patch\n@patch('time.sleep')\nclass Test:\n"
        "    def test(self, _):\n        time.sleep(1)"
    ),
    "patched in setUp": (
        "import time\nfrom unittest.mock import patch\nclass Test:\n    def setUp(self):\n"
        "        patch('time.sleep').start()\n"
        "    def test(self):\n        time.sleep(1)"
    ),
    "patched by a fixture": (
        "import time\ndef quick(monkeypatch):\n    monkeypatch.setattr(time, 'sleep', print)\n"
        "def test(quick):\n    time.sleep(1)"
    ),
    "patched by a named fixture": (
        "import pytest, time\ndef quick(monkeypatch):\n    monkeypatch.setattr(time, 'sleep', print)\n"
        "@pytest.mark.usefixtures('quick')\ndef test():\n    time.sleep(1)"
    ),
    "patched for the whole file": (
        "import pytest, time\n@pytest.fixture(autouse=True)\ndef quick(monkeypatch):\n"
        "    monkeypatch.setattr(time, 'sleep', print)\ndef test():\n    time.sleep(1)"
    ),
}


@pytest.mark.parametrize("code", SLEEPING.values(), ids=SLEEPING)
def test_a_sleep_is_found(code):
    assert lines(find_sleeps, code)


@pytest.mark.parametrize("code", NOT_SLEEPING.values(), ids=NOT_SLEEPING)
def test_what_does_not_wait_is_no_sleep(code):
    assert lines(find_sleeps, code) == []


def test_sleeps_are_told_by_line_with_what_stands_there():
    found = find_sleeps(ast.parse("import time\n\ntime.sleep(3)\ndef test():\n    time.sleep(\n        1.5)\n"))

    assert [tuple(place) for place in found] == [(3, "time.sleep(3)"), (5, "time.sleep(1.5)")]


UNSPECIFIC = {
    "raised": "raise Exception('down')",
    "raised bare": "raise BaseException",
    "raised by full name": "import builtins\nraise builtins.Exception",
    "made": "breaker.on_error(Exception('down'))",
    "side effect": "call = Mock(side_effect=Exception)",
    "side effects": "call = Mock(side_effect=[Exception, RuntimeError])",
    "expected": "import pytest\nwith pytest.raises(Exception):\n    call()",
    "expected with a message": "import pytest\nwith pytest.raises(Exception, match='down'):\n    call()",
    "expected among others": "import pytest\nwith pytest.raises((ValueError, Exception)):\n    call()",
    "expected by keyword": "import pytest\nwith pytest.raises(expected_exception=Exception):\n    call()",
    "expected by unittest": "self.assertRaises(Exception, call)",
    "caught": "try:\n    call()\nexcept Exception:\n    pass",
    "caught among others": "try:\n    call()\nexcept (OSError, Exception):\n    pass",
    "caught bare": "try:\n    call()\nexcept:\n    pass",
    "suppressed": "from contextlib import suppress\nwith suppress(Exception):\n    call()",
}

SPECIFIC = {
    "RuntimeError": "import pytest\nwith pytest.raises(RuntimeError):\n    raise RuntimeError('down')",
    "a class of its own": "class Down(Exception):\n    pass\nraise Down",
    "an exception of a library": "import requests\nraise requests.exceptions.ConnectionError",
    "what the breaker counts": "breaker = CircuitBreaker(counts=(Exception,))",
    "an annotation": "def fail(error: Exception) -> None:\n    raise error",
    "re-raised": "try:\n    call()\nexcept OSError:\n    raise",
    "one of another module": "from shop import Exception\nraise Exception",
}


@pytest.mark.parametrize("code", UNSPECIFIC.values(), ids=UNSPECIFIC)
def test_an_exception_that_could_be_any_is_found(code):
    assert lines(find_unspecific_exceptions, code)


@pytest.mark.parametrize("code", SPECIFIC.values(), ids=SPECIFIC)
def test_a_specific_exception_is_in_order(code):
    assert lines(find_unspecific_exceptions, code) == []
