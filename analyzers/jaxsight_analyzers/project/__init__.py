"""The files of a workspace together: which file an import means, and what files tell one another."""
