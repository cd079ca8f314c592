"""Runs the kazoo scenarios against the server given as host:port and prints what they saw."""
import logging
import sys
import traceback

import operations  # noqa: F401 (registers its scenarios)
import recipes  # noqa: F401
from support import SCENARIOS, Env, say

logging.disable(logging.CRITICAL)
for function in SCENARIOS:
    if len(sys.argv) > 2 and function.__name__ not in sys.argv[2:]:
        continue
    say("==", function.__name__)
    env = Env(sys.argv[1])
    try:
        function(env)
    except Exception as error:  # the next scenarios still have something to say
        say("broken off:", type(error).__name__)
        traceback.print_exc()
    finally:
        env.close()
say("== end")
