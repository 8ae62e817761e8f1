"""The files in ``deploy/`` agree with each other and with what the server understands."""

from __future__ import annotations

import re
import subprocess
import textwrap
import tomllib
from pathlib import Path

import pytest

from tests.support.certificates import make_certificate
from tests.support.processes import DEADLINE, run
from tests.support.tools import require_tool

DEPLOY = Path(__file__).parents[1] / "deploy"
KUBERNETES = DEPLOY / "kubernetes/h2static.yaml"


def kubernetes_configuration() -> str:
    """The ``h2static.toml`` of the ConfigMap."""
    (text,) = re.findall(
        r"^  h2static\.toml: \|\n((?:    .*\n)+)", KUBERNETES.read_text(), re.MULTILINE
    )
    return textwrap.dedent(text)


def number(pattern: str, file: Path) -> int:
    """The one number that ``pattern`` finds in ``file``."""
    found = set(re.findall(pattern, file.read_text()))
    assert len(found) == 1, (pattern, found)
    return int(found.pop())


@pytest.mark.parametrize("name", ["instance", "kubernetes"])
def test_configurations_are_understood(tmp_path: Path, name: str) -> None:
    text = (
        (DEPLOY / "h2static.toml").read_text() if name == "instance" else kubernetes_configuration()
    )
    # The folders of an image, in the place of which anything will do.
    for folder in ("/srv/www", "/etc/h2static"):
        text = text.replace(folder, str(tmp_path))
    (tmp_path / "tls").mkdir()
    (tmp_path / "h2static.toml").write_text(text)
    done = run("config", "--check", str(tmp_path / "h2static.toml"))
    assert (done.returncode, done.stderr) == (0, "")


def test_compose_and_haproxy_mean_the_same_machines() -> None:
    compose = (DEPLOY / "compose.yaml").read_text()
    addresses = re.findall(r"ipv4_address: (\S+)", compose)
    trusted = tomllib.loads((DEPLOY / "h2static.toml").read_text())["trusted-proxy"]
    for name in ("terminate", "passthrough"):
        text = (DEPLOY / f"haproxy/{name}.cfg").read_text()
        servers = re.findall(r"^  server \w+ (\S+):\d+$", text, re.MULTILINE)
        assert sorted([*servers, *trusted]) == sorted(addresses)
    assert "172.30.0.0/24" in compose


def test_nobody_is_killed_while_it_drains() -> None:
    """Who stops an instance gives it more time than it may take."""
    instance = tomllib.loads((DEPLOY / "h2static.toml").read_text())
    compose = number(r"stop_grace_period: (\d+)s", DEPLOY / "compose.yaml")
    assert compose > instance["drain-delay"] + instance["grace"]
    pod = tomllib.loads(kubernetes_configuration())
    pause = number(r"sleep: \{seconds: (\d+)\}", KUBERNETES)
    period = number(r"terminationGracePeriodSeconds: (\d+)", KUBERNETES)
    assert period > pause + pod["drain-delay"] + pod["grace"]
    service = DEPLOY / "systemd/h2static.service"
    # The default of --grace.
    assert number(r"TimeoutStopSec=(\d+)", service) > 30


@pytest.mark.parametrize("name", ["terminate", "passthrough"])
def test_haproxy_notices_before_the_instance_stops_accepting(name: str) -> None:
    text = (DEPLOY / f"haproxy/{name}.cfg").read_text()
    ((interval, fall),) = re.findall(r"inter (\d+)s fall (\d+) ", text)
    drain = tomllib.loads((DEPLOY / "h2static.toml").read_text())["drain-delay"]
    assert int(interval) * int(fall) < drain


def test_containers_have_nothing_to_write_and_no_rights() -> None:
    image = (DEPLOY / "Containerfile").read_text()
    user = number(r"USER (\d+):\d+", DEPLOY / "Containerfile")
    assert user == number(r"runAsUser: (\d+)", KUBERNETES) > 0
    assert "PYTHONDONTWRITEBYTECODE=1" in image
    compose = (DEPLOY / "compose.yaml").read_text()
    assert compose.count("read_only: true") == compose.count("cap_drop: [ALL]") == 2
    pod = KUBERNETES.read_text()
    for line in ("readOnlyRootFilesystem: true", "runAsNonRoot: true", "drop: [ALL]"):
        assert line in pod


def test_an_image_gets_every_file_that_a_wheel_is_made_of() -> None:
    """What ``pyproject.toml`` names is copied, and docker does not leave it out."""
    settings = tomllib.loads((DEPLOY.parent / "pyproject.toml").read_text())
    wheel = settings["tool"]["hatch"]["build"]["targets"]["wheel"]
    needed = {
        "pyproject.toml",
        settings["project"]["readme"],
        *settings["project"]["license-files"],
        *wheel["packages"],
        *wheel["force-include"],
    }
    image = (DEPLOY / "Containerfile").read_text()
    copied = {
        word for line in re.findall("^COPY (.*)$", image, re.MULTILINE) for word in line.split()
    }
    kept = set(
        re.findall("^!(.*)$", (DEPLOY / "Containerfile.dockerignore").read_text(), re.MULTILINE)
    )
    assert needed <= copied
    assert needed <= kept


def test_nginx_understands_its_configuration(tmp_path: Path) -> None:
    nginx = require_tool("nginx", package="nginx", optional=True)
    certificate = make_certificate(tmp_path)
    text = (DEPLOY / "nginx/h2static.conf").read_text()
    text = text.replace("/etc/nginx/certs/fullchain.pem", str(certificate.cert))
    text = text.replace("/etc/nginx/certs/privkey.pem", str(certificate.key))
    (tmp_path / "nginx.conf").write_text(
        f"pid {tmp_path}/pid;\nerror_log {tmp_path}/error.log;\nevents {{ }}\n"
        f"http {{\naccess_log off;\n{text}}}\n"
    )
    done = subprocess.run(
        [nginx, "-t", "-q", "-p", tmp_path, "-c", tmp_path / "nginx.conf", "-e", tmp_path / "log"],
        capture_output=True,
        text=True,
        timeout=DEADLINE,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")


def test_systemd_understands_its_units(tmp_path: Path) -> None:
    analyze = require_tool("systemd-analyze", package="systemd", optional=True)
    for name in ("h2static.service", "h2static.socket"):
        text = (DEPLOY / "systemd" / name).read_text()
        # They are not installed here.
        text = text.replace("/usr/local/bin/h2static", "/bin/true")
        text = re.sub("^Documentation=.*\n", "", text, flags=re.MULTILINE)
        (tmp_path / name).write_text(text)
    done = subprocess.run(
        [analyze, "verify", tmp_path / "h2static.service", tmp_path / "h2static.socket"],
        capture_output=True,
        text=True,
        timeout=DEADLINE,
        check=False,
    )
    assert (done.returncode, done.stdout + done.stderr) == (0, "")
