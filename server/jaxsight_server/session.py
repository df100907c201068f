"""What the client has open, changed on the event loop only, and the snapshots that features get."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from threading import Event
from types import MappingProxyType

from jaxsight_analyzers.notebook import Cell, VirtualModule, join
from jaxsight_analyzers.source import SourceFile
from jaxsight_server.settings import Settings
from jaxsight_server.uris import path_of


@dataclass(frozen=True, slots=True)
class Document:
    """A text document at one version. The next version replaces it and marks it superseded."""

    uri: str
    version: int
    source: SourceFile
    superseded: Event = field(default_factory=Event, compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class NotebookCell:
    """A cell of a notebook: where its text is, and whether it is code."""

    uri: str
    kind: str


@dataclass(frozen=True, slots=True)
class Notebook:
    """A notebook at one version. Its cells' texts are documents of their own."""

    uri: str
    version: int
    cells: tuple[NotebookCell, ...]


@dataclass(frozen=True, slots=True)
class Folder:
    """A workspace folder and the editor's settings in it."""

    uri: str
    path: Path
    settings: Settings


@dataclass(frozen=True, slots=True)
class Texts:
    """The files that are open at one moment, by path; notebooks and what is in no file are not among them."""

    moment: int = 0
    documents: Mapping[str, Document] = field(default_factory=dict[str, Document])


@dataclass(frozen=True)
class Snapshot:
    """One module as it is now: a document, or a notebook with the texts of all its code cells.

    Immutable, so that any thread may read it. `generation` counts the changes of configuration.
    """

    uri: str
    documents: tuple[Document, ...]
    path: str
    folder: Folder | None
    settings: Settings
    generation: int
    notebook: bool = False
    texts: Texts = field(default_factory=Texts, repr=False, compare=False)  # of all open files

    @property
    def version(self) -> tuple[int, ...]:
        """What tells one state of the module from the next."""
        return tuple(document.version for document in self.documents)

    @property
    def superseded(self) -> bool:
        """Whether the client has sent newer text than this."""
        return any(document.superseded.is_set() for document in self.documents)

    @cached_property
    def joined(self) -> VirtualModule | None:
        """The notebook's virtual module; None for a plain document."""
        if not self.notebook:
            return None
        return join([Cell(document.source.text, "code") for document in self.documents])

    @cached_property
    def source(self) -> SourceFile:
        """The text to analyse."""
        if self.joined is not None:
            return SourceFile(self.path, self.joined.text)
        return self.documents[0].source

    @cached_property
    def runnable(self) -> str:
        """The text to run: a notebook's magics do there what they do."""
        if self.joined is None:
            return self.source.text
        from jaxsight_server.running.notebooks import runnable

        return runnable(self.joined)

    def document(self, uri: str) -> tuple[int, Document] | None:
        """The document of that address and its place among the cells."""
        for index, document in enumerate(self.documents):
            if document.uri == uri:
                return index, document
        return None


class Session:
    """Open documents, notebooks, folders and settings. Belongs to the event loop."""

    def __init__(self) -> None:
        self._documents: dict[str, Document] = {}
        self._notebooks: dict[str, Notebook] = {}
        self._folders: dict[str, Folder] = {}
        self._owner: dict[str, str] = {}  # cell -> notebook
        self._texts = Texts()
        self.settings = Settings()
        self.generation = 0

    # -- texts

    def open(self, uri: str, version: int, text: str) -> None:
        """Remember a document that the client has opened."""
        self._put(Document(uri, version, SourceFile(path_of(uri), text)))

    def change(self, uri: str, version: int, source: SourceFile) -> None:
        """Replace the text of an open document."""
        self._put(Document(uri, version, source))

    def close(self, uri: str) -> None:
        """Forget a document."""
        document = self._documents.pop(uri, None)
        if document is not None:
            document.superseded.set()
            self._note(document, is_open=False)

    def source(self, uri: str) -> SourceFile | None:
        """The text of an open document."""
        document = self._documents.get(uri)
        return document.source if document else None

    def _put(self, document: Document) -> None:
        old = self._documents.get(document.uri)
        self._documents[document.uri] = document
        if old is not None:
            old.superseded.set()
        self._note(document, is_open=True)

    def _note(self, document: Document, *, is_open: bool) -> None:
        """A new moment, which those who hold an older one do not notice."""
        if not document.uri.startswith("file:"):
            return
        path = document.source.path
        documents = dict(self._texts.documents)
        if is_open:
            documents[path] = document
        else:
            documents.pop(path, None)
        self._texts = Texts(self._texts.moment + 1, documents)

    # -- notebooks

    def open_notebook(self, uri: str, version: int, cells: Iterable[NotebookCell]) -> None:
        """Remember a notebook; the texts of its cells are opened on their own."""
        self._set_notebook(Notebook(uri, version, tuple(cells)))

    def change_notebook(
        self, uri: str, version: int, cells: Sequence[NotebookCell] | None = None
    ) -> None:
        """Replace a notebook's version and, where they changed, its cells."""
        notebook = self._notebooks.get(uri)
        if notebook is not None:
            kept = notebook.cells if cells is None else tuple(cells)
            self._set_notebook(replace(notebook, version=version, cells=kept))

    def close_notebook(self, uri: str) -> None:
        """Forget a notebook and its cells."""
        notebook = self._notebooks.pop(uri, None)
        for cell in notebook.cells if notebook else ():
            self._owner.pop(cell.uri, None)
            self.close(cell.uri)

    def notebook(self, uri: str) -> Notebook | None:
        """The open notebook of that address."""
        return self._notebooks.get(uri)

    def _set_notebook(self, notebook: Notebook) -> None:
        old = self._notebooks.get(notebook.uri)
        for cell in old.cells if old else ():
            self._owner.pop(cell.uri, None)
            document = self._documents.get(cell.uri)
            if document is not None and old is not None and old.cells != notebook.cells:
                # another module now, though this cell's text is the same
                self._put(replace(document, superseded=Event()))
        self._notebooks[notebook.uri] = notebook
        for cell in notebook.cells:
            self._owner[cell.uri] = notebook.uri

    # -- folders and settings

    def set_folders(self, added: Iterable[Folder], removed: Iterable[str] = ()) -> None:
        """Add and remove workspace folders."""
        for uri in removed:
            self._folders.pop(uri, None)
        for folder in added:
            self._folders[folder.uri] = folder
        self.generation += 1

    def set_settings(
        self, settings: Settings, of_folders: Mapping[str, Settings] = MappingProxyType({})
    ) -> None:
        """Replace the editor's settings, those of all folders and those of some."""
        self.settings = settings
        for uri, folder in self._folders.items():
            self._folders[uri] = replace(folder, settings=of_folders.get(uri, settings))
        self.generation += 1

    def reload(self) -> None:
        """Note that configuration on disk has changed."""
        self.generation += 1

    @property
    def folders(self) -> tuple[Folder, ...]:
        """The workspace folders, in the client's order."""
        return tuple(self._folders.values())

    def folder_of(self, path: str) -> Folder | None:
        """The innermost workspace folder that holds a path; for a text without a place, the first."""
        parents = Path(path).parents if Path(path).is_absolute() else ()
        within = [folder for folder in self._folders.values() if folder.path in parents]
        if within:
            return max(within, key=lambda folder: len(folder.path.parts))
        return next(iter(self._folders.values()), None) if not parents else None

    # -- what features get

    def snapshot(self, uri: str) -> Snapshot | None:
        """The module that a document, cell or notebook belongs to; None if it is not open."""
        notebook = self._notebooks.get(self._owner.get(uri, uri))
        if notebook is None:
            document = self._documents.get(uri)
            return self._snapshot(uri, (document,)) if document is not None else None
        code = (self._documents.get(cell.uri) for cell in notebook.cells if cell.kind == "code")
        documents = tuple(document for document in code if document is not None)
        return self._snapshot(notebook.uri, documents, notebook=True) if documents else None

    def modules(self) -> Iterator[Snapshot]:
        """Every open module, a notebook counting as one."""
        uris = dict.fromkeys(self._owner.get(uri, uri) for uri in self._documents)
        for uri in uris:
            snapshot = self.snapshot(uri)
            if snapshot is not None:
                yield snapshot

    def _snapshot(
        self, uri: str, documents: tuple[Document, ...], *, notebook: bool = False
    ) -> Snapshot:
        path = path_of(uri)
        folder = self.folder_of(path)
        settings = folder.settings if folder else self.settings
        generation, texts = self.generation, self._texts
        return Snapshot(uri, documents, path, folder, settings, generation, notebook, texts)
