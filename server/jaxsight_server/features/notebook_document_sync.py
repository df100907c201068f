"""Opening, changing and closing of notebooks: their cells make one module."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lsprotocol import types as lsp

from jaxsight_server import convert
from jaxsight_server.session import NotebookCell

if TYPE_CHECKING:
    from jaxsight_server.server import Server


def did_open(server: Server, params: lsp.DidOpenNotebookDocumentParams) -> None:
    """Remember the notebook and its cells."""
    notebook = params.notebook_document
    for document in params.cell_text_documents:
        server.session.open(document.uri, document.version, document.text)
    server.session.open_notebook(notebook.uri, notebook.version, map(_cell, notebook.cells))
    server.publisher.changed(notebook.uri)
    server.configuration.report()


def did_change(server: Server, params: lsp.DidChangeNotebookDocumentParams) -> None:
    """Apply changes of the list of cells, then of their texts."""
    session, uri = server.session, params.notebook_document.uri
    notebook = session.notebook(uri)
    if notebook is None:
        raise ValueError(f"`{uri}` was changed, but is not open")
    changes = params.change.cells
    structure = changes.structure if changes else None
    cells: list[NotebookCell] | None = None
    if structure is not None:
        array = structure.array
        cells = list(notebook.cells)
        cells[array.start : array.start + array.delete_count] = map(_cell, array.cells or ())
        for document in structure.did_open or ():
            session.open(document.uri, document.version, document.text)
        for closed in structure.did_close or ():
            session.close(closed.uri)
            server.publisher.closed(closed.uri)
    elif changes and changes.data:
        kinds = {cell.document: _cell(cell) for cell in changes.data}
        cells = [kinds.get(cell.uri, cell) for cell in notebook.cells]
    for content in (changes.text_content if changes else None) or ():
        _change_text(server, content)
    session.change_notebook(uri, params.notebook_document.version, cells)
    server.publisher.changed(uri)


def did_close(server: Server, params: lsp.DidCloseNotebookDocumentParams) -> None:
    """Forget the notebook and take back what was published about its cells."""
    uri = params.notebook_document.uri
    notebook = server.session.notebook(uri)
    server.session.close_notebook(uri)
    server.schedule.forget(uri)
    for cell in notebook.cells if notebook else ():
        server.publisher.closed(cell.uri)


def _change_text(server: Server, content: lsp.NotebookDocumentCellContentChanges) -> None:
    document = content.document
    source = server.session.source(document.uri)
    if source is None:
        raise ValueError(f"cell `{document.uri}` was changed, but is not open")
    source = convert.changed(source, content.changes, server.encoding)
    server.session.change(document.uri, document.version, source)


def _cell(cell: lsp.NotebookCell) -> NotebookCell:
    return NotebookCell(cell.document, "code" if cell.kind is lsp.NotebookCellKind.Code else "text")
