"""Queries are split into tokens alike by every thread, from the first request of a process on."""

import subprocess
import sys

from shared.settings import ROOT

# sqlglot registers a dialect, and completes it then: here that takes its time, and other threads ask for it meanwhile.
SPLIT = """
import threading, time
from sqlglot.dialects import dialect

registered = threading.Event()
new_trie = dialect.new_trie

def slow_new_trie(*given):
    if "bigquery" in dialect._Dialect._classes:
        registered.set()
        time.sleep(0.1)
    return new_trie(*given)

dialect.new_trie = slow_new_trie
from shared.templating.lexing import lex

quoted = []

def split(wait):
    if wait:
        registered.wait(30)
    quoted.append(lex("SELECT a FROM `b`")[-1].is_quoted_name)

threads = [threading.Thread(target=split, args=(number > 0,)) for number in range(4)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
print(quoted.count(True))
"""


def test_threads_that_split_the_first_queries_all_know_backquotes() -> None:
    shown = subprocess.run(
        [sys.executable, "-c", SPLIT], cwd=ROOT, capture_output=True, text=True, check=False, timeout=60
    )

    assert (shown.stdout.split(), shown.stderr) == (["4"], "")
