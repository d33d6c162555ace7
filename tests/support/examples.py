"""How many examples a property is shown: few in the suite, many when HYPOTHESIS_PROFILE=fuzz asks for it."""

import os


def examples(few: int, many: int) -> int:
    return many if os.environ.get("HYPOTHESIS_PROFILE") == "fuzz" else few
