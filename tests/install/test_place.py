"""Region and zone, by what a machine's administrator or its cloud says."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from coalmine_install.place import Place, find_place

NOBODY = "http://127.0.0.1:1"


@contextmanager
def metadata(answers: Mapping[tuple[str, str], tuple[Mapping[str, str], str]]) -> Iterator[str]:
    """A cloud that answers these requests, if they have these headers."""

    class Answers(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            headers, body = answers.get((self.command, self.path), ({}, ""))
            asked_well = body and all(self.headers.get(name) == text for name, text in headers.items())
            self.send_response(200 if asked_well else 404)
            self.end_headers()
            self.wfile.write(body.encode() if asked_well else b"")

        def do_PUT(self) -> None:
            self.do_GET()

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Answers)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def host(root: Path, vendor: str = "", machine_info: str = "") -> Path:
    dmi = root / "sys/class/dmi/id"
    dmi.mkdir(parents=True)
    (root / "etc").mkdir()
    (dmi / "sys_vendor").write_text(f"{vendor}\n")
    if machine_info:
        (root / "etc/machine-info").write_text(machine_info)
    return root


AWS_HEADERS = {"X-aws-ec2-metadata-token": "secret"}
CLOUDS: list[tuple[str, dict[tuple[str, str], tuple[Mapping[str, str], str]], str, str]] = [
    (
        "Amazon EC2",
        {
            ("PUT", "/latest/api/token"): ({"X-aws-ec2-metadata-token-ttl-seconds": "60"}, "secret"),
            ("GET", "/latest/meta-data/placement/region"): (AWS_HEADERS, "eu-west-1"),
            ("GET", "/latest/meta-data/placement/availability-zone"): (AWS_HEADERS, "eu-west-1a"),
        },
        "eu-west-1",
        "eu-west-1a",
    ),
    (
        "Google",
        {
            ("GET", "/computeMetadata/v1/instance/zone"): (
                {"Metadata-Flavor": "Google"},
                "projects/123/zones/europe-west1-b",
            )
        },
        "europe-west1",
        "europe-west1-b",
    ),
    (
        "Microsoft Corporation",
        {
            ("GET", "/metadata/instance/compute?api-version=2021-02-01"): (
                {"Metadata": "true"},
                json.dumps({"location": "westeurope", "zone": "2"}),
            )
        },
        "westeurope",
        "westeurope-2",
    ),
    ("DigitalOcean", {("GET", "/metadata/v1/region"): ({}, "fra1")}, "fra1", "fra1"),
    (
        "Hetzner",
        {
            ("GET", "/hetzner/v1/metadata/region"): ({}, "eu-central"),
            ("GET", "/hetzner/v1/metadata/availability-zone"): ({}, "fsn1-dc14"),
        },
        "eu-central",
        "fsn1-dc14",
    ),
]


@pytest.mark.parametrize(
    ("vendor", "answers", "region", "zone"), CLOUDS, ids=lambda each: str(each)[:9]
)
def test_a_cloud_is_asked_in_its_own_way(
    tmp_path: Path,
    vendor: str,
    answers: dict[tuple[str, str], tuple[Mapping[str, str], str]],
    region: str,
    zone: str,
) -> None:
    with metadata(answers) as base:
        found = find_place(host(tmp_path, vendor), base)
    assert found is not None
    assert found[:2] == (region, zone)


@pytest.mark.parametrize("answer", ["", "<html>sign in</html>", "a b", "x" * 100])
def test_an_answer_that_is_no_place_is_none(tmp_path: Path, answer: str) -> None:
    with metadata({("GET", "/metadata/v1/region"): ({}, answer)}) as base:
        assert find_place(host(tmp_path, "DigitalOcean"), base) is None


def test_a_cloud_that_is_silent_is_none(tmp_path: Path) -> None:
    assert find_place(host(tmp_path, "Amazon EC2"), NOBODY) is None


def test_who_is_no_cloud_is_not_asked(tmp_path: Path) -> None:
    with metadata({("GET", "/metadata/v1/region"): ({}, "fra1")}) as base:
        assert find_place(host(tmp_path, "Dell Inc."), base) is None


@pytest.mark.parametrize(
    ("text", "region", "zone"),
    [
        ('REGION=eu-west-1\nZONE="eu-west-1a"\n', "eu-west-1", "eu-west-1a"),
        ("LOCATION=dublin/rack7\n", "dublin", "rack7"),
        ("# comment\nPRETTY_HOSTNAME=x\nLOCATION=dublin\n", "dublin", "dublin"),
        ("LOCATION=dublin/rack7\nZONE=other\n", "dublin", "other"),
    ],
)
def test_the_administrator_comes_first(tmp_path: Path, text: str, region: str, zone: str) -> None:
    root = host(tmp_path, "Amazon EC2", text)
    assert find_place(root, NOBODY) == Place(region, zone, str(root / "etc/machine-info"))


def test_a_broken_machine_info_says_nothing(tmp_path: Path) -> None:
    assert find_place(host(tmp_path, machine_info='LOCATION="half\n'), NOBODY) is None
