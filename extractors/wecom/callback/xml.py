"""XML of callbacks to plain values, without anything of XML that can do harm.

No document type, so no entities to expand and nothing to fetch; few levels; text only.
"""

from xml.parsers import expat

from extractors.wecom.callback.crypto import RefusedError

MAX_DEPTH = 6


def parse(text: bytes) -> dict:
    """The children of the root: text, or a dict where there are children, or a list where several.

    Raises:
        RefusedError: it is no XML of the kind that WeCom sends.
    """
    reader = _Reader()
    parser = expat.ParserCreate()
    parser.buffer_text = True
    parser.StartDoctypeDeclHandler = _refuse_doctype
    parser.StartElementHandler = reader.start
    parser.EndElementHandler = reader.end
    parser.CharacterDataHandler = reader.text
    try:
        parser.Parse(text, True)
    except expat.ExpatError:
        raise RefusedError("the message is not XML") from None
    if not isinstance(reader.root, dict):
        raise RefusedError("the message is empty")
    return reader.root


def _refuse_doctype(*_: object) -> None:
    raise RefusedError("the message declares a document type")


class _Reader:
    def __init__(self) -> None:
        self.root: dict | str | None = None
        self._open: list[tuple[str, dict, list[str]]] = []

    def start(self, name: str, _: dict) -> None:
        if len(self._open) >= MAX_DEPTH:
            raise RefusedError("the message is nested too deeply")
        self._open.append((name, {}, []))

    def text(self, data: str) -> None:
        if self._open:
            self._open[-1][2].append(data)

    def end(self, _: str) -> None:
        name, children, text = self._open.pop()
        value = children or "".join(text).strip()
        if not self._open:
            self.root = value
            return
        siblings = self._open[-1][1]
        if name not in siblings:
            siblings[name] = value
        elif isinstance(siblings[name], list):
            siblings[name].append(value)
        else:
            siblings[name] = [siblings[name], value]
