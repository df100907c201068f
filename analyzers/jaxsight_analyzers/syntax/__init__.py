"""From text to trees: a file is cut into chunks, of which an edit parses anew those that it touches.

Where to look:

a file          parsed: the chunks of a file, and where their nodes lie; chunks: what an edit parses anew
a chunk         chunk, pieces: text and statements that parse alone; classes, grafts: big classes member by member
what is typed   building, repair: text that is not Python (yet); prose: comments and docstrings; deep: what is nested too far
text            lexing: strings, comments, logical lines; ends: what two versions have in common
"""
