"""The center's pages over one database, for the demonstration: an account, a link that lets in once, then the server.

`python -m scripts.pages DATABASE PORT [--days FOLDER]` prints the link once the pages can be opened; it runs until
stopped.
"""

import argparse
import subprocess
import sys

from scripts.stage import center, tool

NAME = "demo"
PROVINCE = "41"


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m scripts.pages", description=__doc__)
    parser.add_argument("database")
    parser.add_argument("port", type=int)
    parser.add_argument("--days")
    given = parser.parse_args()
    address = f"127.0.0.1:{given.port}"
    within = ("--database", given.database)
    center("user", "add", NAME, "--role", "province", "--region", PROVINCE, "--no-password", *within)
    link = center("user", "link", NAME, "--site", f"http://{address}", *within)
    days = ("--days", given.days) if given.days else ()
    command = [tool("canteen-center"), "web", "--listen", address, *days, *within]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as web:
        try:
            assert web.stderr
            said = web.stderr.readline()
            print(link if "http://" in said else said, end="", flush=True)
            sys.stderr.writelines(web.stderr)
        finally:
            web.terminate()
    return web.returncode


if __name__ == "__main__":
    sys.exit(main())
