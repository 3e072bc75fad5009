"""What the simulator prints: answers in XML, refusals, and texts that are not XML."""

from __future__ import annotations

from typing import TypeAlias

Node: TypeAlias = "tuple[str, str | list[Node]]"
"""An XML element: its tag with attributes, and its text or its children."""


class Answer(Exception):  # noqa: N818 - raised where a request can end early; no is an answer
    """What a request ends with: an exit code and what goes to stdout and stderr."""

    def __init__(self, *, stdout: str = "", stderr: str = "", code: int = 0) -> None:
        super().__init__(stdout)
        self.stdout = stdout
        self.stderr = stderr
        self.code = code


def accept(*body: Node, text: str = "", verdict_last: bool = False) -> Answer:
    """Gives the answer to a request that was carried out; that on heals says so at its end."""
    return Answer(stdout=_document(0, 0, text, list(body), verdict_last=verdict_last))


def refuse(
    text: str, *body: Node, errno: int = 30800, code: int = 0, verdict_last: bool = False
) -> Answer:
    """Gives a no. Its exit code is 0 for most requests: only the opRet inside says no."""
    document = _document(-1, errno, text, list(body), verdict_last=verdict_last)
    return Answer(stdout=document, code=code)


def refuse_in_words(text: str, operation: str, *, errno: int = 30800, code: int = 0) -> Answer:
    """Gives a no in the form of those requests that say it twice."""
    return refuse(text, ("cliOp", operation), ("output", text), errno=errno, code=code)


def misunderstand(usage: str) -> Answer:
    """Gives the answer to words that are no request: usage on stderr, and nothing on stdout."""
    return Answer(stderr=f"\nUsage:\n{usage}\n\n", code=1)


CONNECTION_FAILED = Answer(
    stdout="Connection failed. Please check if gluster daemon is operational.\n", code=1
)
TIMED_OUT = Answer(stdout="Error : Request timed out\n", code=1)


def _document(
    returned: int, errno: int, text: str, body: list[Node], *, verdict_last: bool = False
) -> str:
    verdict: list[Node] = [("opRet", str(returned)), ("opErrno", str(errno)), ("opErrstr", text)]
    whole: Node = ("cliOutput", [*body, *verdict] if verdict_last else [*verdict, *body])
    lines = ['<?xml version="1.0" encoding="UTF-8" standalone="yes"?>']
    _write(whole, "", lines)
    return "\n".join(lines) + "\n"


def _write(node: Node, indent: str, lines: list[str]) -> None:
    tag, content = node
    name = tag.partition(" ")[0]
    if not content:
        lines.append(f"{indent}<{tag}/>")
    elif isinstance(content, str):
        lines.append(f"{indent}<{tag}>{_escaped(content)}</{name}>")
    else:
        lines.append(f"{indent}<{tag}>")
        for child in content:
            _write(child, indent + "  ", lines)
        lines.append(f"{indent}</{name}>")


def _escaped(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
