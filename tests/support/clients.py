"""Real clients as processes: curl, nghttp, h2load and node's ``http2`` module.

Promise: a client that is missing skips the test (see :mod:`tests.support.tools`); no client runs
longer than :data:`SECONDS`; all of them speak HTTP/2 with prior knowledge to 127.0.0.1.
"""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass, field

from tests.support.tools import require_tool

#: For one run of a client.
SECONDS = 40


@dataclass(slots=True, kw_only=True)
class Answer:
    """What curl got."""

    status: int
    #: By name; fields that come twice are joined with a comma.
    fields: dict[str, str] = field(default_factory=dict)
    body: bytes = b""


def curl(port: int, path: str, *options: str, scheme: str = "http") -> Answer:
    """The final answer to a request with curl; fails when curl does."""
    done = run_curl(port, path, "-i", *options, scheme=scheme)
    assert done.returncode == 0, f"curl ended with {done.returncode}: {done.stderr!r}"
    head, _, body = done.stdout.partition(b"\r\n\r\n")
    while head.startswith(b"HTTP/2 1"):
        head, _, body = body.partition(b"\r\n\r\n")
    first, *lines = head.decode().split("\r\n")
    answer = Answer(status=int(first.split()[1]), body=body)
    for line in lines:
        name, _, value = line.partition(": ")
        known = answer.fields.get(name)
        answer.fields[name] = value if known is None else f"{known}, {value}"
    return answer


def run_curl(
    port: int, path: str, *options: str, scheme: str = "http", seconds: float = SECONDS
) -> subprocess.CompletedProcess[bytes]:
    """A run of curl, whatever comes of it; curl's code 28 says that ``seconds`` were over."""
    program = require_tool("curl", package="curl")
    words = [program, "-sS", "--path-as-is", "--max-time", str(seconds), "--http2-prior-knowledge"]
    url = f"{scheme}://127.0.0.1:{port}{path}"
    return subprocess.run(
        [*words, *options, url], capture_output=True, timeout=seconds + 10, check=False
    )


def nghttp(port: int, paths: Sequence[str], *options: str) -> bytes:
    """What nghttp writes: contents, or with ``-nv`` the frame log; fails when nghttp does."""
    program = require_tool("nghttp", package="nghttp2-client")
    urls = [f"http://127.0.0.1:{port}{path}" for path in paths]
    words = [program, "-t", str(SECONDS), *options, *urls]
    done = subprocess.run(words, capture_output=True, timeout=SECONDS + 10, check=False)
    assert done.returncode == 0, f"nghttp ended with {done.returncode}: {done.stderr!r}"
    assert b"not processed" not in done.stderr + done.stdout, done.stderr
    return done.stdout


@dataclass(slots=True, kw_only=True)
class Load:
    """What h2load counted."""

    succeeded: int
    failed: int
    errored: int
    timeout: int
    #: Octets of content.
    data: int
    #: Answers by the first digit of their status.
    classes: dict[int, int]


def h2load(port: int, paths: Sequence[str], *options: str) -> Load:
    """A run of h2load."""
    program = require_tool("h2load", package="nghttp2-client")
    urls = [f"http://127.0.0.1:{port}{path}" for path in paths]
    done = subprocess.run(
        [program, *options, *urls], capture_output=True, text=True, timeout=SECONDS, check=True
    )
    requests = re.search(
        r"(\d+) succeeded, (\d+) failed, (\d+) errored, (\d+) timeout", done.stdout
    )
    data = re.search(r"\((\d+)\) data", done.stdout)
    classes = re.findall(r"(\d+) ([2345])xx", done.stdout)
    assert requests is not None, done.stdout
    assert data is not None, done.stdout
    succeeded, failed, errored, timeout = (int(number) for number in requests.groups())
    return Load(
        succeeded=succeeded,
        failed=failed,
        errored=errored,
        timeout=timeout,
        data=int(data[1]),
        classes={int(digit): int(number) for number, digit in classes},
    )


_NODE = """
const http2 = require('node:http2');
const crypto = require('node:crypto');
const problems = [];
// One whole answer: status, fields, digest and length of the content, trailers.
function ask(session, fields, content, options) {
  return new Promise((resolve, reject) => {
    const stream = session.request(fields, options);
    const digest = crypto.createHash('sha256');
    const answer = {status: 0, fields: {}, informational: [], length: 0, trailers: null};
    stream.on('headers', fields => answer.informational.push(fields[':status']));
    stream.on('response', fields => {
      answer.status = fields[':status'];
      answer.fields = {...fields};
    });
    stream.on('trailers', fields => { answer.trailers = {...fields}; });
    stream.on('data', octets => { answer.length += octets.length; digest.update(octets); });
    stream.on('error', reject);
    stream.on('close', () => {
      answer.reset = stream.rstCode;
      answer.digest = digest.digest('hex');
      resolve(answer);
    });
    if (content === undefined) stream.end();
    else stream.end(content);
  });
}
function connect(settings) {
  const session = http2.connect(process.argv[1], {settings: settings || {}});
  session.on('error', error => problems.push(String(error)));
  session.on('frameError', (type, code, id) => problems.push(`frame ${type} ${code} ${id}`));
  session.on('goaway', code => { if (code) problems.push(`GOAWAY ${code}`); });
  return session;
}
async function main() {
%s
}
main().then(
  result => {
    // To a pipe, process.exit() alone would cut long lines.
    process.stdout.write(JSON.stringify({result, problems}), () => process.exit(0));
  },
  error => { console.error(error); process.exit(1); });
"""


def node(port: int, program: str) -> object:
    """What the JavaScript function body ``program`` returns.

    It has ``connect(settings)``, which gives a session, and ``ask(session, fields, content)``,
    which gives the promise of an answer.  Fails on errors of a session.
    """
    path = require_tool("node", package="nodejs")
    words = [path, "-e", _NODE % program, f"http://127.0.0.1:{port}"]
    done = subprocess.run(words, capture_output=True, text=True, timeout=SECONDS, check=False)
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert told["problems"] == []
    result: object = told["result"]
    return result
