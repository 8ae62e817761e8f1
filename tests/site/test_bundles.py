"""What may be stored for ever: what a build tool wrote, as far as the site itself can tell."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import pytest

from h2static.http.messages import Response
from h2static.site.limits import SiteLimits
from h2static.site.rules import IMMUTABLE, REVALIDATE
from tests.site.harness import Client, field, make_client, request, write

MD5 = "0bc83cb571cd1c50ba6f3e8a78ef1346"

#: By build tool: the files, what of them lasts, and what does not.
SITES: dict[str, tuple[dict[str, str], tuple[str, ...], tuple[str, ...]]] = {
    "vite": (
        {
            "index.html": '<script type="module" src="/assets/index-BkX3yZ1q.js"></script>'
            '<link rel="stylesheet" href="/assets/index-d_sUHrwB.css">'
            '<link rel="icon" href="/assets/icon-CHdo91hT.svg">',
            "assets/index-BkX3yZ1q.js": 'm.f=["assets/About-BOfWBxP7.js",'
            '"assets/About-x3ZfK9bQ.css"];const u="/assets/hero-Z9xK2vBq.png"',
            "assets/index-d_sUHrwB.css": "@font-face{src:url(./inter-CHdo91hT.woff2)}",
            "assets/About-BOfWBxP7.js": 'import"./deep-K3vQ8zXb.js"',
            "assets/About-x3ZfK9bQ.css": "",
            "assets/deep-K3vQ8zXb.js": "",
            "assets/hero-Z9xK2vBq.png": "",
            "assets/inter-CHdo91hT.woff2": "",
            "assets/icon-CHdo91hT.svg": "",
            "favicon.svg": "",
        },
        (
            *("assets/index-BkX3yZ1q.js", "assets/index-d_sUHrwB.css", "assets/About-BOfWBxP7.js"),
            *("assets/About-x3ZfK9bQ.css", "assets/deep-K3vQ8zXb.js", "assets/hero-Z9xK2vBq.png"),
            *("assets/inter-CHdo91hT.woff2", "assets/icon-CHdo91hT.svg"),
        ),
        ("index.html", "favicon.svg"),
    ),
    "create-react-app": (
        {
            "index.html": '<script defer src="/static/js/main.8f3b2c1d.js"></script>',
            "asset-manifest.json": '{"files":{"main.css":"/static/css/main.0a1b2c3d.css",'
            '"main.js":"/static/js/main.8f3b2c1d.js"}}',
            "static/js/main.8f3b2c1d.js": '"static/js/"+e+"."+{787:"8fcdcd9b"}[e]+".chunk.js";'
            f'"static/media/logo.{MD5}.svg"',
            "static/js/main.8f3b2c1d.js.map": "",
            "static/js/787.8fcdcd9b.chunk.js": "",
            "static/css/787.8fcdcd9b.chunk.css": "",
            "static/css/main.0a1b2c3d.css": "",
            f"static/media/logo.{MD5}.svg": "",
            f"static/media/other.{MD5[::-1]}.svg": "",
        },
        (
            *("static/js/main.8f3b2c1d.js", "static/js/787.8fcdcd9b.chunk.js"),
            *("static/css/main.0a1b2c3d.css", "static/css/787.8fcdcd9b.chunk.css"),
            *(f"static/media/logo.{MD5}.svg", "static/js/main.8f3b2c1d.js.map"),
        ),
        (f"static/media/other.{MD5[::-1]}.svg", "asset-manifest.json"),
    ),
    "vite, with hashes that look like words": (
        {
            "index.html": '<script type="module" src="./assets/index-DhFcOTBM.js"></script>',
            "assets/index-DhFcOTBM.js": 'f("./lazy4-e_OWJUAi.js"),f("./lazy6-BkX3yZ1q.js")',
            "assets/lazy4-e_OWJUAi.js": '"/assets/lazy-r-slWWk_.png";"/img/game-Level2Up.png"',
            "assets/lazy6-BkX3yZ1q.js": "",
            "assets/lazy-r-slWWk_.png": "",
            "assets/game-Level3Up.png": "",
            "img/game-Level2Up.png": "",
        },
        (
            *("assets/index-DhFcOTBM.js", "assets/lazy4-e_OWJUAi.js", "assets/lazy6-BkX3yZ1q.js"),
            "assets/lazy-r-slWWk_.png",
        ),
        ("assets/game-Level3Up.png", "img/game-Level2Up.png"),
    ),
    "webpack": (
        {
            "index.html": '<script defer src="js/main.c0d43b4a.js"></script>',
            "js/main.c0d43b4a.js": '"js/"+e+"."+{211:"49a5d09c"}[e]+".chunk.js"',
            "js/211.49a5d09c.chunk.js": 'n.p+"media/lazy.ef599f4af017981fdc43.png"',
            "js/notes.txt": "",
            "media/lazy.ef599f4af017981fdc43.png": "",
            "media/lazy.0f599f4af017981fdc43.png": "",
        },
        (
            *("js/main.c0d43b4a.js", "js/211.49a5d09c.chunk.js"),
            "media/lazy.ef599f4af017981fdc43.png",
        ),
        ("media/lazy.0f599f4af017981fdc43.png",),
    ),
    "written by hand, with capitals": (
        {
            "index.html": '<script src="js/app-UserList.js"></script>',
            "js/app-UserList.js": 'import "./app-Level2Up.js"',
            "js/app-Level2Up.js": "",
        },
        (),
        ("js/app-UserList.js", "js/app-Level2Up.js"),
    ),
    "Angular, mounted elsewhere": (
        {
            "index.html": '<base href="/app/"><script src="main-K5Q2ZWXA.js" type="module">'
            '</script><link rel="stylesheet" href="/app/styles-Z7423ZV3.css">',
            "main-K5Q2ZWXA.js": 'import("./chunk-RDVPDRLU.js")',
            "chunk-RDVPDRLU.js": "",
            "styles-Z7423ZV3.css": 'src:url("./media/inter-B7Q2ZWXA.woff2")',
            "media/inter-B7Q2ZWXA.woff2": "",
            "media/photo-Z7423ZV3.png": "",
        },
        (
            *("main-K5Q2ZWXA.js", "chunk-RDVPDRLU.js", "styles-Z7423ZV3.css"),
            "media/inter-B7Q2ZWXA.woff2",
        ),
        (),
    ),
    "Parcel": (
        {
            "index.html": "<script src=/index.8f3b2c1d.js></script><img src=/cat.0a1b2c3d.jpg>",
            "index.8f3b2c1d.js": "",
            "cat.0a1b2c3d.jpg": "",
        },
        ("index.8f3b2c1d.js", "cat.0a1b2c3d.jpg"),
        (),
    ),
    "Next.js": (
        {
            "index.html": '<script src="/_next/static/chunks/webpack-3a1e2b4c5d6f7a8b.js">',
            "_next/static/chunks/webpack-3a1e2b4c5d6f7a8b.js": "",
            "_next/static/chunks/0fd9a1b2c3d4e5f6.js": "",
            "_next/static/chunks/app/page-0fd9a1b2c3d4e5f6.js": "",
            "_next/static/Xk3_v9/_buildManifest.js": "",
            "_next/static/media/e4af272ccee01ff0-s.p.woff2": "",
            "_next/data/Xk3_v9/index.json": "{}",
        },
        (
            "_next/static/chunks/webpack-3a1e2b4c5d6f7a8b.js",
            "_next/static/chunks/0fd9a1b2c3d4e5f6.js",
            "_next/static/chunks/app/page-0fd9a1b2c3d4e5f6.js",
            "_next/static/Xk3_v9/_buildManifest.js",
            "_next/static/media/e4af272ccee01ff0-s.p.woff2",
        ),
        ("_next/data/Xk3_v9/index.json", "index.html"),
    ),
    "SvelteKit": (
        {"_app/immutable/chunks/BkX3yZ1q.js": "", "_app/version.json": "{}"},
        ("_app/immutable/chunks/BkX3yZ1q.js",),
        ("_app/version.json",),
    ),
    "Django and Rails, which write their pages themselves": (
        {
            "admin/css/base.0a1b2c3d4e5f.css": "",
            f"assets/application-{MD5}.js": "",
            f"assets/logo-{MD5}.png": "",
            "404.html": "<style>",
        },
        ("admin/css/base.0a1b2c3d4e5f.css", f"assets/application-{MD5}.js"),
        (f"assets/logo-{MD5}.png",),
    ),
    "Django with its manifest": (
        {
            "staticfiles.json": '{"paths":{"css/base.css":"css/base.0a1b2c3d4e5f.css",'
            '"img/logo.png":"img/logo.8f3b2c1d4e5f.png"}}',
            "css/base.0a1b2c3d4e5f.css": "",
            "img/logo.8f3b2c1d4e5f.png": "",
            "img/other.3b2c1d4e5f6a.png": "",
        },
        ("css/base.0a1b2c3d4e5f.css", "img/logo.8f3b2c1d4e5f.png"),
        ("img/other.3b2c1d4e5f6a.png",),
    ),
    "vite with its manifest and no page": (
        {
            ".vite/manifest.json": '{"main.ts":{"file":"assets/main-BkX3yZ1q.js",'
            '"assets":["assets/logo-Z9xK2vBq.svg"]}}',
            "assets/main-BkX3yZ1q.js": "",
            "assets/logo-Z9xK2vBq.svg": "",
        },
        ("assets/main-BkX3yZ1q.js", "assets/logo-Z9xK2vBq.svg"),
        (),
    ),
    "written by hand": (
        {
            "index.html": '<script src="app.js"></script><img src="img/scan-A4B5C6D7.png">'
            '<script src="https://cdn.example/lib/vue.global.js"></script>',
            "app.js": 'themes["theme-65a8e27d.css"]',
            "img/scan-A4B5C6D7.png": "",
            "themes/theme-65a8e27d.css": "",
        },
        (),
        ("app.js", "img/scan-A4B5C6D7.png", "themes/theme-65a8e27d.css"),
    ),
    "a web app's manifest": (
        {
            "index.html": '<link rel="manifest" href="manifest.json">',
            "manifest.json": '{"icons":[{"src":"/icons/icon-A4B5C6D7.png"}]}',
            "icons/icon-A4B5C6D7.png": "",
        },
        (),
        ("icons/icon-A4B5C6D7.png",),
    ),
    "data and identifiers beside a bundle": (
        {
            "index.html": '<script src="/assets/index-BkX3yZ1q.js"></script>'
            f'<img src="avatars/{MD5}.png"><img src="scan-A4B5C6D7.png" data-id="65a8e27d">',
            "assets/index-BkX3yZ1q.js": f'"scan-A4B5C6D7.json";"{MD5}"',
            "users/507f1f77bcf86cd799439011.json": "{}",
            f"avatars/{MD5}.png": "",
            "session-65a8e27d.json": "{}",
            "scan-A4B5C6D7.png": "",
            "themes/theme-65a8e27d.css": "",
            "assets/scan-B5C6D7E2.png": "",
        },
        ("assets/index-BkX3yZ1q.js",),
        (
            *("users/507f1f77bcf86cd799439011.json", f"avatars/{MD5}.png", "session-65a8e27d.json"),
            *("scan-A4B5C6D7.png", "themes/theme-65a8e27d.css", "assets/scan-B5C6D7E2.png"),
        ),
    ),
}


def make(root: Path, files: dict[str, str]) -> None:
    for name, content in files.items():
        write(root, name, content)


def lasting(client: Client, names: Iterable[str]) -> dict[str, bool]:
    values = {name: field(client.get(f"/{name}"), "cache-control") for name in names}
    assert set(values.values()) <= {IMMUTABLE.decode(), REVALIDATE.decode()}, values
    return {name: value == IMMUTABLE.decode() for name, value in values.items()}


@pytest.mark.parametrize("site", SITES)
@pytest.mark.parametrize("prefix", ["", "deploy/current/"])
def test_the_files_of_build_tools(client: Client, root: Path, site: str, prefix: str) -> None:
    files, lasts, changes = SITES[site]
    make(root, {prefix + name: content for name, content in files.items()})
    served = [prefix + name for name in (*lasts, *changes)]
    expected = {prefix + name: name in lasts for name in (*lasts, *changes)}
    assert lasting(client, served) == expected
    # And in the other order, by another worker.
    assert lasting(make_client(root), reversed(served)) == expected


def test_data_and_identifiers_without_a_page(client: Client, root: Path) -> None:
    names = (
        *("users/507f1f77bcf86cd799439011.json", f"avatars/{MD5}.png", "session-65a8e27d.json"),
        *("scan-A4B5C6D7.png", "photo-8e1f2a3b4c5d.jpg", "inter-BOfWBxP7.woff2"),
    )
    make(root, dict.fromkeys(names, ""))
    assert not any(lasting(client, names).values())


def test_a_page_is_asked_again_when_it_has_changed(client: Client, root: Path) -> None:
    write(root, "index.html", '<script src="app.js"></script>')
    write(root, "assets/index-BkX3yZ1q.js")
    client.clock.settle()
    assert lasting(client, ["assets/index-BkX3yZ1q.js"]) == {"assets/index-BkX3yZ1q.js": False}
    write(root, "index.html", '<script src="assets/index-BkX3yZ1q.js"></script>')
    # What is remembered is forgotten now and then.
    client.get("/")
    client.site.forget()
    assert lasting(client, ["assets/index-BkX3yZ1q.js"]) == {"assets/index-BkX3yZ1q.js": True}


def test_pages_are_read_elsewhere_and_once(client: Client, root: Path) -> None:
    files, lasts, _ = SITES["vite"]
    make(root, files)
    client.clock.settle()
    first, *others = lasts
    # Reading may wait for a disk.
    assert not isinstance(client.site.look(request(f"/{first}")), Response)
    assert lasting(client, [first]) == {first: True}
    for name in others:
        assert isinstance(client.site.look(request(f"/{name}")), Response)
    # What has no hash asks nobody.
    write(root, "other/index.html", '<script src="app.js"></script>')
    write(root, "other/plain.js")
    assert isinstance(client.site.look(request("/other/plain.js")), Response)


def test_links_out_of_the_root_say_nothing(client: Client, root: Path) -> None:
    outside = write(root.parent, "outside.html", '<script src="assets/index-BkX3yZ1q.js"></script>')
    (root / "index.html").symlink_to(outside)
    write(root, "assets/logo-Z9xK2vBq.svg")
    write(root, "assets/index-BkX3yZ1q.js", '"logo-Z9xK2vBq.svg"')
    assert lasting(client, ["assets/logo-Z9xK2vBq.svg"]) == {"assets/logo-Z9xK2vBq.svg": False}


def test_what_is_read_is_bounded(root: Path) -> None:
    chain = [f"chunk-{letter}9xK2vBq.js" for letter in "ABCDEFGH"]
    write(root, "index.html", f'<script src="/js/{chain[0]}"></script>')
    pictures = [f"img/big-{letter}3xK8vQz.png" for letter in "ABCDEFGH"]
    for name, following, picture in zip(chain, [*chain[1:], ""], pictures, strict=True):
        write(root, f"js/{name}", f'import("./{following}");"{picture}"')
        write(root, picture)
    assert all(lasting(make_client(root), pictures).values())
    for limits in (SiteLimits(bundle_files=3), SiteLimits(bundle_file=60, bundle_octets=150)):
        found = lasting(make_client(root, limits=limits), pictures)
        assert list(found.values()) == [True] * 3 + [False] * 5
    # Of a large folder not every name is compared with a table of hashes.
    make(root.parent / "webpack", SITES["webpack"][0])
    for most, found_all in ((1000, True), (0, False)):
        other = make_client(root.parent / "webpack", limits=SiteLimits(bundle_entries=most))
        assert all(lasting(other, SITES["webpack"][1]).values()) is found_all
    # A memory that is full begins anew.
    assert all(lasting(make_client(root, limits=SiteLimits(bundle_pages=2)), pictures).values())
