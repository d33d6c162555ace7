"""A child for the tests of children/parent.py: does what each job says."""

import os
import sys
import time

from agent.ask.children.child import Tell, serve


def _work(jobs: list[bytes], tell: Tell) -> None:
    for job in jobs:
        match job.split():
            case [b"say", word]:
                tell(word)
            case [b"print", word]:
                print(word.decode(), flush=True)
            case [b"pid"]:
                tell(str(os.getpid()).encode())
            case [b"environment"]:
                tell(",".join(sorted(os.environ)).encode())
            case [b"complain", word]:
                sys.stderr.write("x" * 1_000_000 + "\n")
                sys.exit(word.decode())
            case [b"hog"]:
                tell(str(len(bytearray(800_000_000))).encode())
            case [b"sleep"]:
                time.sleep(60)
            case [b"spin"]:
                while True:
                    pass


if __name__ == "__main__":
    serve(_work)
