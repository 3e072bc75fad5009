"""What Gluster prints, and what the adapter reads out of it."""

from __future__ import annotations

import pytest

from adapters.gluster.tasks import Counters, ListedTask, TaskCode, TaskKind
from adapters.gluster.xml import (
    NotXmlError,
    read_detail,
    read_listed_tasks,
    read_reply,
    read_task_id,
    read_volumes,
)
from orchestrator import TryAgain


def answer(body: str, returned: int = 0, errno: int = 0, text: str = "") -> str:
    said = f"<opErrstr>{text}</opErrstr>" if text else "<opErrstr/>"
    return (
        '<?xml version="1.0" encoding="UTF-8" standalone="yes"?>\n<cliOutput>'
        f"<opRet>{returned}</opRet><opErrno>{errno}</opErrno>{said}{body}</cliOutput>"
    )


def counters(status: int, runtime: str = "2.00") -> str:
    return (
        "<files>7</files><size>9000000000</size><lookups>40</lookups><failures>1</failures>"
        f"<skipped>2</skipped><status>{status}</status><runtime>{runtime}</runtime>"
    )


def test_a_refusal_carries_glusters_own_words() -> None:
    text = "Rebalance on photos is already started"

    reply = read_reply(answer("<volRebalance><op>1</op></volRebalance>", -1, 30800, text))

    assert (reply.returned, reply.errno, reply.text) == (-1, 30800, text)


@pytest.mark.parametrize(
    "printed",
    [
        "Connection failed. Please check if gluster daemon is operational.",
        "Error : Request timed out\n",
        "",
        "<cliOutput><opRet>0</opRet>",
        "<html><body>no</body></html>",
        '<!DOCTYPE a [<!ENTITY b "c">]><cliOutput><opRet>0</opRet></cliOutput>',
    ],
)
def test_what_is_no_answer_proves_nothing(printed: str) -> None:
    with pytest.raises(NotXmlError) as raised:
        read_reply(printed)

    assert isinstance(raised.value, TryAgain)


def test_the_sum_over_the_nodes_is_read_and_not_one_node() -> None:
    node = "<node><nodeName>one</nodeName><files>3</files><status>1</status></node>"
    body = (
        f"<volRebalance><task-id>t</task-id><op>3</op><nodeCount>2</nodeCount>{node}{node}"
        f"<aggregate>{counters(1)}</aggregate></volRebalance>"
    )

    detail = read_detail(read_reply(answer(body)))

    assert detail.task_id == "t"
    assert detail.code is TaskCode.IN_PROGRESS
    assert detail.counters == Counters(
        files=7, size_bytes=9_000_000_000, lookups=40, failures=1, skipped=2, runtime_s=2.0
    )


def test_the_order_of_the_counters_does_not_matter() -> None:
    body = (
        "<volRemoveBrick><task-id>t</task-id><aggregate><runtime>5.00</runtime>"
        "<status>8</status><files>3</files></aggregate></volRemoveBrick>"
    )

    detail = read_detail(read_reply(answer(body)))

    assert (detail.code, detail.counters.files) == (TaskCode.FIX_LAYOUT_FAILED, 3)
    assert detail.counters.runtime_s == 5.0


def test_a_status_from_a_newer_gluster_is_no_answer() -> None:
    body = f"<volRebalance><task-id>t</task-id><aggregate>{counters(99)}</aggregate></volRebalance>"

    with pytest.raises(NotXmlError, match="99"):
        read_detail(read_reply(answer(body)))


def test_all_tasks_of_all_volumes_are_listed() -> None:
    body = (
        "<volStatus><volumes>"
        "<volume><volName>a</volName><tasks><task><type>Rebalance</type><id>1</id>"
        "<status>3</status><statusStr>completed</statusStr></task></tasks></volume>"
        "<volume><volName>b</volName><tasks/></volume>"
        "<volume><volName>c</volName><tasks><task><type>Remove brick</type><id>2</id>"
        "<status>1</status><params><brick>h:/1</brick><brick>h:/2</brick></params></task>"
        "<task><type>Something new</type><id>3</id><status>1</status></task></tasks></volume>"
        "</volumes></volStatus>"
    )

    tasks = read_listed_tasks(read_reply(answer(body)))

    assert tasks == (
        ListedTask(volume="a", task_id="1", kind=TaskKind.REBALANCE, code=TaskCode.COMPLETED),
        ListedTask(
            volume="c",
            task_id="2",
            kind=TaskKind.REMOVE_BRICKS,
            code=TaskCode.IN_PROGRESS,
            bricks=("h:/1", "h:/2"),
        ),
    )


def test_a_start_without_an_id_is_no_answer() -> None:
    with pytest.raises(NotXmlError):
        read_task_id(read_reply(answer("<volRebalance><op>1</op></volRebalance>")))


def test_a_brick_is_read_by_its_name_and_not_by_the_text_around_it() -> None:
    body = (
        "<volInfo><volumes><volume><name>a</name><statusStr>Started</statusStr>"
        "<replicaCount>3</replicaCount><bricks><brick uuid='u'>h:/1<name>h:/1</name>"
        "<hostUuid>u</hostUuid></brick></bricks></volume><count>1</count></volumes></volInfo>"
    )

    (volume,) = read_volumes(read_reply(answer(body)))

    assert (volume.name, volume.is_started, volume.replica_count) == ("a", True, 3)
    assert volume.bricks == ("h:/1",)
