"""Readiness gates, patched at a stand-in for an API server with a kubelet."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from coalmine_aggregator.actuate.kubernetes.kubernetes_output import FORGIVE_S, KubernetesOutput
from coalmine_aggregator.actuate.kubernetes.settings import KubernetesSettings
from coalmine_aggregator.model.figures import utc
from coalmine_aggregator.model.withdrawal import Mode
from coalmine_runtime import clock
from coalmine_runtime.settings import loads
from tests.aggregator.actuate.running import running, until_out, until_trouble
from tests.aggregator.actuate.words import NODES, word
from tests.conftest import Authority
from tests.servers.hook import Hook
from tests.servers.kubernetes import TOKEN, Kubernetes
from tests.servers.waiting import until


@pytest.fixture
async def cluster() -> AsyncIterator[Kubernetes]:
    """With a pod for each node, none of which was ever told anything."""
    async with Kubernetes() as running_cluster:
        for node in NODES:
            running_cluster.add(node)
        yield running_cluster


@pytest.fixture
def token(tmp_path: Path) -> Path:
    """The file of the service account's token."""
    path = tmp_path / "token"
    path.write_text(f"{TOKEN}\n")
    return path


def write(token: Path, text: str) -> None:
    token.write_text(text)


def output(
    cluster: Kubernetes, token: Path, more: str = "", forgive_s: float = FORGIVE_S
) -> KubernetesOutput:
    pods = more if "pods:" in more else f"pods: {{ingest: {{selector: 'app=ingest'}}}}\n{more}"
    text = f"url: {cluster.url}\ntoken_file: {token}\nnamespace: prod\nevery: 1s\n{pods}"
    return KubernetesOutput(loads(KubernetesSettings, text, {}), forgive_s=forgive_s)


async def until_ready(cluster: Kubernetes, *names: str) -> None:
    async def so() -> bool:
        return sorted(cluster.ready()) == sorted(names)

    await until(so, deadline_s=20.0, what=f"ready are {names}", explain=lambda: str(cluster.ready()))


async def test_pods_come_in_go_and_come_back(cluster: Kubernetes, token: Path) -> None:
    told = output(cluster, token)
    assert cluster.ready() == []
    async with running(told, word()) as say:
        await until_ready(cluster, *NODES)
        say(word("web-3"))
        await until_ready(cluster, "web-1", "web-2", "web-4")
        await until_out(told, "web-3")
        assert cluster.condition("web-3")["message"] == "down by Coalmine: lost by two vantages"
        say(word("web-3", mode=Mode.STOPPED))
        await until_ready(cluster, *NODES)
        await until_out(told)
    assert cluster.refusals == []
    assert len(cluster.patches) == 6


async def test_other_conditions_and_other_pods_are_left_alone(cluster: Kubernetes, token: Path) -> None:
    cluster.add("db-1", labels={"app": "db"})
    before = cluster.condition("web-3", "ContainersReady").copy()
    told = output(cluster, token)
    async with running(told, word("web-3")):
        await until_out(told, "web-3")
    assert cluster.condition("web-3", "ContainersReady") == before
    assert cluster.condition("db-1") == {}


async def test_a_new_pod_comes_in_without_being_known_and_under_a_name_that_was_out(
    cluster: Kubernetes, token: Path
) -> None:
    told = output(cluster, token)
    async with running(told, word("web-3")) as say:
        await until_out(told, "web-3")
        cluster.add("web-9")
        await until_ready(cluster, "web-1", "web-2", "web-4", "web-9")
        say(word())
        await until_ready(cluster, *NODES, "web-9")


async def test_what_an_earlier_life_took_out_comes_in_with_the_first_word(
    cluster: Kubernetes, token: Path
) -> None:
    cluster.add("web-2", condition="False", probed=utc(int(clock.wall()) - 3600))
    async with running(output(cluster, token), word()):
        await until_ready(cluster, *NODES)


async def test_before_any_word_new_pods_come_in_and_who_is_out_stays(
    cluster: Kubernetes, token: Path
) -> None:
    cluster.add("web-2", condition="False", probed=utc(int(clock.wall())))
    told = output(cluster, token)
    async with running(told):
        await until_ready(cluster, "web-1", "web-3", "web-4")
        assert cluster.condition("web-2")["status"] == "False"


async def test_a_service_without_any_word_for_long_is_forgiven(
    cluster: Kubernetes, token: Path
) -> None:
    cluster.add("web-2", condition="False", probed=utc(int(clock.wall()) - 60))
    async with running(output(cluster, token, forgive_s=0.5)):
        await until_ready(cluster, *NODES)


async def test_over_tls_the_server_is_verified(
    cluster: Kubernetes, token: Path, authority: Authority, tmp_path_factory: pytest.TempPathFactory
) -> None:
    secure = Kubernetes()
    secure.tls = authority.server_context("127.0.0.1")
    secure.add("web-1")
    another = Authority(tmp_path_factory.mktemp("another"))
    async with secure:
        told = output(secure, token, f"ca_file: {another.ca_file}")
        async with running(told, word(nodes=("web-1",))):
            await until_trouble(told, "certificate verify failed")
        assert secure.lists == 0
        told = output(secure, token, f"ca_file: {authority.ca_file}")
        async with running(told, word(nodes=("web-1",))):
            await until_ready(secure, "web-1")


async def test_in_standby_nothing_is_touched(cluster: Kubernetes, token: Path) -> None:
    other = "pods: {ingest: {selector: 'app=ingest'}, db: {selector: 'app=db'}}"
    cluster.add("db-1", labels={"app": "db"})
    told = output(cluster, token, other)
    standby = word("web-3", mode=Mode.STANDBY)
    async with running(told, standby, word(service="db", nodes=("db-1",))):
        await until_ready(cluster, "db-1")
        await until_out(told, service="db")
    assert [name for name, _ in cluster.patches] == ["db-1"]
    assert told.standing().out == {"db": ()}


async def test_long_after_a_stop_it_quarrels_with_nobody_and_new_pods_come_in(
    cluster: Kubernetes, token: Path
) -> None:
    told = output(cluster, token)
    async with running(told, word("web-3", mode=Mode.STOPPED, lease_s=1.0)):
        await until_ready(cluster, *NODES)

        async def silent() -> bool:
            return told.standing().out == {}

        await until(silent, deadline_s=15.0, what="it has been stopped for a lease")
        cluster.add("web-2", condition="False", probed=utc(int(clock.wall())))
        cluster.add("web-9")
        await until_ready(cluster, "web-1", "web-3", "web-4", "web-9")


async def test_a_stop_is_brought_about_though_the_server_was_away_for_longer_than_a_lease(
    cluster: Kubernetes, token: Path
) -> None:
    told = output(cluster, token, forgive_s=3.0)
    async with running(told, word("web-3", lease_s=1.0)) as say:
        await until_out(told, "web-3")
        write(token, "wrong")
        await until_trouble(told, "401")
        say(word("web-3", mode=Mode.STOPPED, lease_s=1.0))
        await asyncio.sleep(1.5)
        write(token, TOKEN)
        await until_ready(cluster, *NODES)


async def test_without_a_word_it_quarrels_with_nobody_who_renews(
    cluster: Kubernetes, token: Path
) -> None:
    """Such as the other of a pair, while the nodes are not known here."""
    told = output(cluster, token, forgive_s=3.0)
    async with running(told):
        for _ in range(10):
            cluster.add("web-2", condition="False", probed=utc(int(clock.wall()) + 1))
            await asyncio.sleep(0.5)
            assert cluster.condition("web-2")["status"] == "False"
        await until_ready(cluster, *NODES)


async def test_while_out_it_is_told_again(cluster: Kubernetes, token: Path) -> None:
    told = output(cluster, token)
    async with running(told, word("web-3", lease_s=3.0)):
        await until_out(told, "web-3")
        first = cluster.condition("web-3").copy()

        async def again() -> bool:
            return bool(cluster.condition("web-3")["lastProbeTime"] > first["lastProbeTime"])

        await until(again, deadline_s=15.0, what="it is told again")
        assert cluster.condition("web-3")["lastTransitionTime"] == first["lastTransitionTime"]


async def test_machines_and_labels_name_nodes(cluster: Kubernetes, token: Path) -> None:
    cluster.pods.clear()
    for i in (1, 2, 3):
        cluster.add(f"ingest-x{i}", machine=f"Web-{i}.example", labels={"app": "ingest", "n": f"w{i}"})
    for kind, node in (("machine", "web-2_example"), ("'label:n'", "w2")):
        nodes = (node, "x")
        pods = f"pods: {{ingest: {{selector: 'app=ingest', node: {kind}}}}}"
        async with running(output(cluster, token, pods), word(node, nodes=nodes)) as say:
            await until_ready(cluster, "ingest-x1", "ingest-x3")
            say(word(nodes=nodes))
            await until_ready(cluster, "ingest-x1", "ingest-x2", "ingest-x3")


async def test_lists_come_in_pages_and_a_page_that_is_too_old_begins_anew(
    cluster: Kubernetes, token: Path
) -> None:
    cluster.page_limit = 3
    cluster.forget_pages = True
    told = output(cluster, token)
    async with running(told, word("web-4")):
        await until_trouble(told, "410 The provided continue parameter is too old")
        cluster.forget_pages = False
        await until_out(told, "web-4")
        await until_ready(cluster, "web-1", "web-2", "web-3")


async def test_a_token_that_was_renewed_is_read(cluster: Kubernetes, token: Path) -> None:
    write(token, "old")
    told = output(cluster, token)
    async with running(told, word()):
        await until_trouble(told, "401 Unauthorized")
        write(token, "")
        await until_trouble(told, "holds no token")
        write(token, TOKEN)
        await until_ready(cluster, *NODES)
        await until_trouble(told, "")


async def test_a_right_that_is_missing_is_told(cluster: Kubernetes, token: Path) -> None:
    cluster.may = cluster.may - {("patch", "pods/status")}
    told = output(cluster, token)
    async with running(told, word()):
        await until_trouble(told, 'cannot patch resource "pods/status"')
    assert told.standing().out == {}


async def test_when_the_server_asks_for_patience_it_gets_it(cluster: Kubernetes, token: Path) -> None:
    cluster.busy = 2
    told = output(cluster, token)
    async with running(told, word("web-3")):
        await until_trouble(told, "429 please try again later")
        await until_out(told, "web-3")
        await until_trouble(told, "")
    assert cluster.refusals == [429, 429]


async def test_a_pod_that_goes_between_list_and_patch_is_no_trouble(
    cluster: Kubernetes, token: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    told = output(cluster, token)
    listed = cluster._list

    async def list_and_replace(request: object) -> object:
        answer = await listed(request)  # type: ignore[arg-type]
        if cluster.lists == 1:
            cluster.add("web-1")  # another pod under its name
            del cluster.pods["web-2"]
        return answer

    monkeypatch.setattr(cluster, "_list", list_and_replace)
    await cluster.__aexit__()
    await cluster.__aenter__()
    told = output(cluster, token)
    async with running(told, word()):
        await until_ready(cluster, "web-1", "web-3", "web-4")
        assert told.standing().trouble == ""
    assert sorted(cluster.refusals) == [404, 409]


async def test_clear_brings_everybody_in_or_says_why_not(cluster: Kubernetes, token: Path) -> None:
    for node in NODES:
        cluster.add(node, condition="False", probed=utc(int(clock.wall())))
    await output(cluster, token).clear()
    assert cluster.ready() == list(NODES)
    write(token, "wrong")
    with pytest.raises(OSError, match="401 Unauthorized"):
        await output(cluster, token).clear()


async def test_a_refusal_that_is_nested_without_end_is_told_as_it_is(token: Path) -> None:
    cluster = Kubernetes()
    async with Hook(status=403) as hook:
        hook.body, cluster.port = b'{"x":' + b"[" * 100_000, hook.port
        with pytest.raises(OSError, match=r'403 \{"x":\['):
            await output(cluster, token).clear()


async def test_a_sweep_brings_in_what_nobody_tells_any_more(cluster: Kubernetes, token: Path) -> None:
    now = int(clock.wall())
    cluster.add("web-1", condition="False", probed=utc(now - 61))
    cluster.add("web-2", condition="False", probed=utc(now))
    assert await output(cluster, token).sweep(60.0) == 3
    assert cluster.ready() == ["web-1", "web-3", "web-4"]
    assert await output(cluster, token).sweep(60.0) == 0


async def test_a_server_that_hangs_is_trouble_and_no_end(token: Path) -> None:
    async def hang(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()

    server = await asyncio.start_server(hang, "127.0.0.1", 0)
    cluster = Kubernetes()
    cluster.port = server.sockets[0].getsockname()[1]
    told = output(cluster, token)
    async with running(told, word()):
        await until_trouble(told, "TimeoutError")
    server.close()
