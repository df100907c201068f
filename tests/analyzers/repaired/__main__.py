"""Writes what the fixes make of each program."""

from tests.analyzers.repaired import projects

for project in projects():
    project.written.write_text(project.after, encoding="utf-8")
