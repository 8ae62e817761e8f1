"""``make autobahn``: the Autobahn test suite's client against an echo application of ours.

The suite needs Python 2.7 with pip, and comes from PyPI into ``.autobahn``.  Cases 1 to 10 run
without compression; ``--compression`` runs 12 and 13, which offer permessage-deflate, instead.
The server takes messages of 16 MiB, because cases 9 send such; otherwise its limits are the
defaults.  Exit code 1 when a case fails; its report is in ``.autobahn/reports``.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from h2static.asgi.application import AsgiApplication
from h2static.asgi.config import LifespanMode
from h2static.asgi.files import Files
from h2static.asgi.lifespan import Lifespan
from h2static.asgi.limits import AsgiLimits
from h2static.asgi.types import Receive, Scope, Send
from h2static.asgi.websocket import serve_websocket
from h2static.site.bodies import FileAccess
from h2static.site.refusals import Refusals
from h2static.websocket.limits import WebSocketLimits
from tests.support.serving import serving

FOLDER: Final = Path(".autobahn")
#: Octets of the largest message that a case sends.
LARGEST: Final = 16 * 1_048_576
#: What counts as well; "INFORMATIONAL" cases have no wrong answer.
GOOD: Final = frozenset(("OK", "NON-STRICT", "INFORMATIONAL"))
#: What fails, and why that stands.
KNOWN: Final = {
    "7.1.5": "a close frame within a fragmented message is answered with 1002, by the library:"
    " RFC 6455 does not say with what",
}
PLAIN: Final = tuple(f"{number}.*" for number in range(1, 11))
COMPRESSED: Final = ("12.*", "13.*")


async def echo(scope: Scope, receive: Receive, send: Send) -> None:
    """Says what it hears."""
    await receive()
    await send({"type": "websocket.accept"})
    while (event := await receive())["type"] == "websocket.receive":
        await send({**event, "type": "websocket.send"})


def tell(*told: object) -> None:
    """What goes to the error log elsewhere."""
    print(*told, file=sys.stderr)


def application() -> AsgiApplication:
    """The echo, served as the command serves it but for the largest message."""
    return AsgiApplication(
        echo,
        Lifespan(echo, "echo", tell, mode=LifespanMode.OFF),
        refuse=Refusals().refuse,
        report=tell,
        files=Files(FileAccess(submit=lambda job: job())),
        protocols={b"websocket": serve_websocket},
        limits=AsgiLimits(websocket=WebSocketLimits(message=LARGEST)),
    )


def prepare(python: str) -> None:
    """Install the suite, unless it is there."""
    if not (FOLDER / "packages/bin/wstest").exists():
        FOLDER.mkdir(exist_ok=True)
        words = [python, "-m", "pip", "install", "--quiet", "--user", "--no-warn-script-location"]
        subprocess.run([*words, "autobahntestsuite"], env=environment(), check=True)


def environment() -> dict[str, str]:
    """Where Python 2.7, which has no environments, is to keep and find packages."""
    return {**os.environ, "PYTHONUSERBASE": str((FOLDER / "packages").resolve())}


def run(python: str, port: int, cases: Sequence[str]) -> dict[str, dict[str, str]]:
    """What the suite says of each case."""
    plan = {
        "outdir": "reports",
        "servers": [{"agent": "h2static", "url": f"ws://127.0.0.1:{port}"}],
        "cases": list(cases),
        "exclude-cases": [],
        "exclude-agent-cases": {},
    }
    (FOLDER / "plan.json").write_text(json.dumps(plan))
    subprocess.run(
        [python, "-m", "autobahntestsuite.wstest", "-m", "fuzzingclient", "-s", "plan.json"],
        cwd=FOLDER,
        env=environment(),
        stdout=subprocess.DEVNULL,
        check=True,
    )
    found: dict[str, dict[str, str]] = json.loads((FOLDER / "reports/index.json").read_text())[
        "h2static"
    ]
    return found


def main() -> int:
    """Run the cases and print what came out."""
    parser = argparse.ArgumentParser(prog="python -m tests.autobahn")
    parser.add_argument("--python2", default="python2.7", help="default: %(default)s")
    parser.add_argument("--compression", action="store_true", help="cases 12 and 13 instead")
    parser.add_argument("cases", nargs="*", help="such as 9.* or 12.1.3 instead")
    arguments = parser.parse_args()
    python = shutil.which(arguments.python2)
    if python is None:
        print(f"{arguments.python2} is missing, which the suite needs", file=sys.stderr)
        return 1
    prepare(python)
    cases = arguments.cases or (COMPRESSED if arguments.compression else PLAIN)
    with serving(application(), protocols=frozenset((b"websocket",)), spin=0) as server:
        found = run(python, server.port, cases)
    counts = Counter(one["behavior"] for one in found.values())
    print(f"{len(found)} cases: " + ", ".join(f"{counts[one]} {one}" for one in sorted(counts)))
    bad = [
        f"{name}: {one['behavior']}, close {one['behaviorClose']}"
        for name, one in found.items()
        if (one["behavior"] not in GOOD or one["behaviorClose"] not in GOOD) and name not in KNOWN
    ]
    print("\n".join(f"{name} is known: {why}" for name, why in KNOWN.items() if name in found))
    print("\n".join(bad))
    return 1 if bad or not found else 0


if __name__ == "__main__":
    sys.exit(main())
