"""What build tools print, and what of it a page shows."""

from __future__ import annotations

import pytest

from h2static.dev.build_output import BuildOutput, plain, shown
from h2static.dev.limits import DevLimits
from h2static.process.runner import names_of

#: Tool, what it prints when a build fails, what of that is shown, and what it prints when the next
#: one goes well.
TOOLS = {
    "vite": (
        ("build started...\n\x1b[2K\rtransforming (1) index.html\n"
        "\x1b[31m[vite:esbuild] Transform failed with 1 error:\n"
        '/app/src/main.jsx:3:8: ERROR: Expected ">" but found "x"\x1b[39m\n'
            "file: /app/src/main.jsx:3:8"),
        ["[vite:esbuild] Transform failed with 1 error:", "file: /app/src/main.jsx:3:8"],
        "build started...\n✓ 30 modules transformed.\nbuilt in 243ms.",
    ),
    "vite without a watcher": (
        ("vite v7.1.0 building for production...\n✗ Build failed in 23ms\nerror during build:\n"
        "Could not resolve './x' from src/main.js"),
        ["✗ Build failed in 23ms", "Could not resolve './x' from src/main.js"],
        "✓ built in 400ms",
    ),
    "tsc": (
        ("\x1bc[10:00:00] File change detected. Starting incremental compilation...\n\n"
        "src/a.ts(3,5): error TS2322: Type 'string' is not assignable to type 'number'.\n\n"
        "[10:00:01] Found 1 error. Watching for file changes."),
        ["src/a.ts(3,5): error TS2322: Type 'string' is not assignable to type 'number'."],
        ("[10:00:09] File change detected. Starting incremental compilation...\n"
        "[10:00:10] Found 0 errors. Watching for file changes."),
    ),
    "esbuild": (
        ("[watch] build started (change: \"a.js\")\n✘ [ERROR] Could not resolve \"./x\"\n\n"
        "    a.js:1:7:\n      1 │ import './x'\n        ╵        ~~~~~\n\n1 error\n"
        "[watch] build finished, watching for changes..."),
        ['✘ [ERROR] Could not resolve "./x"', "    a.js:1:7:"],
        "[watch] build started (change: \"a.js\")\n[watch] build finished",
    ),
    "webpack": (
        "ERROR in ./src/index.js\nModule not found: Error: Can't resolve './x'",
        ["ERROR in ./src/index.js"],
        "webpack 5.90.0 compiled successfully in 80 ms",
    ),
    "eleventy": (
        "[11ty] Problem writing Eleventy templates:\n[11ty] 1. Having trouble rendering liquid",
        ["[11ty] Problem writing Eleventy templates:"],
        "[11ty] File changed: index.md\n[11ty] Wrote 3 files in 0.05 seconds (v3.0.0)",
    ),
    "hugo": (
        ("Change of Template detected, rebuilding site.\n"
        'Error: error building site: "/x/layouts/index.html:3:1": parse failed'),
        ['Error: error building site: "/x/layouts/index.html:3:1": parse failed'],
        "Change of Template detected, rebuilding site.\nTotal in 12 ms",
    ),
}  # fmt: skip


@pytest.mark.parametrize("tool", TOOLS)
def test_what_is_wrong_is_shown_until_it_is_right(tool: str) -> None:
    failing, expected, well = TOOLS[tool]
    output = BuildOutput("npm")
    for _ in range(2):
        for line in failing.split("\n"):
            output.feed(line)
        lines = output.problem.split("\n")
        assert lines[0] == "npm:"
        for one in expected:
            assert one in lines
        assert "\x1b" not in output.problem
        for line in well.split("\n"):
            output.feed(line)
        assert output.problem == ""


def test_a_failure_takes_the_place_of_the_one_before() -> None:
    output = BuildOutput("esbuild")
    for name in ("a", "b"):
        output.feed("[watch] build started")
        output.feed(f'✘ [ERROR] Could not resolve "{name}"')
        output.feed("[watch] build finished")
    assert '"b"' in output.problem
    assert '"a"' not in output.problem


@pytest.mark.parametrize(
    "line", ["0 errors", "src/error.ts", "[vite] connected.", "warning: deprecated", "Errors: 0"]
)
def test_harmless_lines(line: str) -> None:
    output = BuildOutput("x")
    output.feed(line)
    assert output.problem == ""


def test_the_end_of_a_command() -> None:
    output = BuildOutput("npm")
    output.feed("something")
    output.feed("went wrong")
    output.end("exited with code 3", well=False)
    assert output.problem == "npm exited with code 3\nsomething\nwent wrong"
    output = BuildOutput("npm")
    output.feed("Error: x")
    output.end("has ended", well=True)
    assert output.problem == ""


def test_what_is_shown_is_bounded() -> None:
    output = BuildOutput("x", DevLimits(problem_lines=3, problem_characters=30))
    output.feed("Error: one")
    for number in range(1000):
        output.feed(f"line {number}" * 100)
    assert len(output.problem) == 30
    assert output.problem.startswith("x:\nError: one\nline 0line 0")


def test_terminals_are_not_acted_upon() -> None:
    line = "\x1bc\x1b[2J\x1b[1;1H\x1b[31mred\x1b[39m \x1b]0;title\x07end\x07\x9b2J"
    assert plain(line) == "red end\\x07\\x9b2J"
    coloured = shown(line, color=True)
    assert coloured == "\x1b[31mred\x1b[39m end\\x07\\x9b2J\x1b[0m"
    assert shown(line, color=False) == plain(line)
    # What a progress display writes over is not shown.
    assert plain("10 %\r20 %\rdone") == "done"


def test_names() -> None:
    commands = ("npm run build -- --watch", "/usr/bin/tsc -w", "NODE_ENV=x npm test", "  ")
    assert names_of(commands) == ["npm", "tsc", "npm 2", "run"]
