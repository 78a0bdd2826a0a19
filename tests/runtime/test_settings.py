"""Settings: every value is bound by its type, every mistake is told with its place."""

from __future__ import annotations

import dataclasses
import enum
from pathlib import Path

import pytest

from coalmine_runtime.settings import (
    Address,
    Bytes,
    ConfigError,
    Documented,
    Fraction,
    Network,
    Seconds,
    Secret,
    SettingError,
    describe,
    load,
    loads,
    setting,
)


class Place(enum.StrEnum):
    NEAR = "near"
    FAR = "far"


@dataclasses.dataclass(frozen=True, kw_only=True)
class Short:
    target: str = setting("Where to")
    weight: int = setting("How heavy", 1)

    @classmethod
    def parse(cls, text: str) -> Short:
        if not text.isalpha():
            raise ValueError(f'expected letters, not "{text}"')
        return cls(target=text)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Inner:
    wait: Seconds = setting("How long", 5.0)
    password: Secret | None = setting("The secret", None)
    on: bool = setting("Whether", default=False)

    def __post_init__(self) -> None:
        if self.wait > 100:
            raise SettingError("wait", "longer than anybody waits")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Outer:
    name: str = setting("What it is called")
    inner: Inner = setting("The inside", Inner())
    loss: Fraction = setting("What may be lost", 0.001)
    size: Bytes = setting("How large", 4096)
    place: Place = setting("Near or far", Place.NEAR)
    nets: list[Network] = setting("Who may come", [])
    shorts: dict[str, Short] = setting("Named things", {})
    listen: Address | None = setting("Where to listen", None)
    folder: Path | None = setting("A folder", None)
    ratio: float = setting("A number", 1.0)


def problems(text: str, env: dict[str, str] | None = None) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        loads(Outer, text, env or {}, "x.yaml")
    return str(caught.value).splitlines()


def test_every_kind_of_value_is_read_by_its_type() -> None:
    outer = loads(
        Outer,
        """
        name: 0123
        inner: {wait: 250ms, password: "${PW}", on: true}
        loss: 1/500
        size: 4KiB
        place: far
        nets: [10.0.0.0/8, "::1"]
        shorts: {a: abc, b: {target: xyz, weight: 3}}
        listen: "[::1]:2003"
        folder: sub
        ratio: 2.5
        """,
        {"PW": "se$cret"},
    )
    assert outer.name == "0123"
    assert outer.inner == Inner(wait=0.25, password=Secret("se$cret"), on=True)
    assert (outer.loss, outer.size, outer.place, outer.ratio) == (0.002, 4096, Place.FAR, 2.5)
    assert [str(net) for net in outer.nets] == ["10.0.0.0/8", "::1/128"]
    assert outer.shorts == {"a": Short(target="abc"), "b": Short(target="xyz", weight=3)}
    assert outer.listen == Address("::1", 2003)
    assert outer.folder == Path("sub")


def test_defaults_are_not_shared_between_instances() -> None:
    first, second = loads(Outer, "name: a", {}), loads(Outer, "name: b", {})
    assert first.nets is not second.nets
    assert loads(Outer, "name: a\ninner:\n", {}).inner == Inner()


def test_a_secret_never_shows_itself() -> None:
    outer = loads(Outer, "name: a\ninner: {password: hunter2}", {})
    assert "hunter2" not in f"{outer!r} {outer.inner.password} {outer.inner.password!r}"
    assert outer.inner.password is not None
    assert outer.inner.password.reveal() == "hunter2"


def test_a_secret_is_read_from_a_file_beside_the_configuration(tmp_path: Path) -> None:
    (tmp_path / "pw").write_text("from-file\n")
    config = tmp_path / "c.yaml"
    config.write_text("name: a\ninner: {password_file: pw}\nfolder: logs")
    outer = load(Outer, config, {})
    assert outer.inner.password == Secret("from-file")
    assert outer.folder == tmp_path / "logs"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("nmae: a", ["x.yaml:1: name: is missing (What it is called)", 'x.yaml:1: nmae: unknown key; did you mean "name"?']),
        ("name: a\ninner: {wiat: 3s}", ['x.yaml:2: inner.wiat: unknown key; did you mean "wait"?']),
        ("name: a\ninner: {wait: 3x}", ['x.yaml:2: inner.wait: "x" is no unit of time (ms, s, m, h, d)']),
        ("name: a\ninner: {wait: 5m}", ["x.yaml:2: inner.wait: longer than anybody waits"]),
        ("name: a\nloss: 101%", ['x.yaml:2: loss: "101%" is not between 0 and 100 %']),
        ("name: a\nloss: 1/0", ['x.yaml:2: loss: expected a share such as 0.1%, 0.001 or 1/500, not "1/0"']),
        ("name: a\nplace: fra", ['x.yaml:2: place: "fra" is none of near, far; did you mean "far"?']),
        ("name: a\nnets: [300.0.0.0/8]", ["x.yaml:2: nets[0]: '300.0.0.0/8' does not appear to be an IPv4 or IPv6 network; expected a network such as 10.0.0.0/8"]),
        ("name: a\nnets: 10.0.0.0/8", ['x.yaml:2: nets: expected a list, found "10.0.0.0/8"']),
        ("name: [a]", ["x.yaml:1: name: expected text, found a list"]),
        ("name: a\nname: b", ["x.yaml:2: name: stands twice, first in line 1"]),
        ("name: a\nlisten: localhost", ['x.yaml:2: listen: expected host:port, not "localhost"']),
        ("name: a\nlisten: ::1:2003", ['x.yaml:2: listen: an IPv6 address stands in brackets: "[::1]:2003"']),
        ("name: a\nshorts: {s: a1}", ['x.yaml:2: shorts.s: expected letters, not "a1"']),
        ("name: a\nratio: nan", ['x.yaml:2: ratio: expected a finite number, not "nan"']),
        ("name: ${NOPE}", ["x.yaml:1: name: environment variable NOPE is not set"]),
        ("name: a\ninner: {on: yes}", ['x.yaml:2: inner.on: expected true or false, not "yes"']),
        ("name: a\ninner: {password: a, password_file: b}", ['x.yaml:2: inner.password_file: stands beside "password"; give one']),
        ("name: a\ninner: {password_file: /nonexistent/pw}", ["x.yaml:2: inner.password_file: /nonexistent/pw: No such file or directory"]),
        ("name: {a", ["x.yaml:2: not YAML: did not find expected ',' or '}'"]),
        ("name: &a [*a]", ["x.yaml:1: nested deeper than 64"]),
        (f"name: a\nnets: {'[' * 100_000}", ["x.yaml:2: nested deeper than 64"]),
        ('name: "a\\0b"', ["x.yaml:1: name: has a null character"]),
        (f"name: a\ninner: {{wait: {'9' * 400}}}", ['x.yaml:2: inner.wait: expected a duration such as 10s or 5m, not "' + '9' * 400 + '"']),
        ("- a", ["x.yaml:1: expected a mapping, found a list"]),
        ("", ["x.yaml:1: name: is missing (What it is called)"]),
    ],
)  # fmt: skip
def test_a_mistake_is_told_with_its_place(text: str, expected: list[str]) -> None:
    assert problems(text) == expected


def test_all_mistakes_are_told_at_once() -> None:
    told = problems("nme: a\nloss: 200%\ninner: {on: maybe}")
    assert [line.split(": ")[1] for line in told] == ["name", "nme", "loss", "inner.on"]


def test_aliases_cannot_make_a_small_file_grow_without_end() -> None:
    levels = "\n".join(f"l{i}: &l{i} [{', '.join([f'*l{i - 1}'] * 9)}]" for i in range(1, 9))
    told = problems(f"l0: &l0 [x, x, x, x, x, x, x, x, x]\n{levels}\nname: a")
    assert told[0].endswith("more than 200000 values")


def test_a_file_that_cannot_be_read_is_a_problem(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"nope\.yaml: No such file or directory"):
        load(Outer, tmp_path / "nope.yaml", {})


def test_every_key_is_described() -> None:
    keys = {entry.key: entry for entry in describe(Outer)}
    assert keys["inner.wait"] == Documented("inner.wait", "duration", "5.0", "How long")
    assert keys["name"].default is None
    assert keys["shorts.<name>.weight"].kind == "whole number"
    assert set(keys) == {
        "name", "inner", "inner.wait", "inner.password", "inner.on", "loss", "size", "place", "nets",
        "shorts", "shorts.<name>.target", "shorts.<name>.weight", "listen", "folder", "ratio",
    }  # fmt: skip
