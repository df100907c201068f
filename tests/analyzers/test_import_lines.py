"""New imports go where a sorter of imports would put them."""

from __future__ import annotations

import pytest

from jaxsight_analyzers.fixes import import_lines
from jaxsight_analyzers.source import SourceFile
from jaxsight_analyzers.syntax.parsed import parse

NEW = "import jax.numpy as jnp"


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("x = 1\n", "@\nx = 1\n"),
        ('"""Doc."""\nx = 1\n', '"""Doc."""\n@\nx = 1\n'),
        ("#!/usr/bin/env python\nx = 1\n", "#!/usr/bin/env python\n@\nx = 1\n"),
        ("import jax", "import jax\n@"),
        ("import jax\nimport numpy as np\n", "import jax\n@\nimport numpy as np\n"),
        ("import flax\nimport optax\n", "import flax\n@\nimport optax\n"),
        ("import numpy as np\n", "@\nimport numpy as np\n"),
        ("import jax\nfrom jax import lax\n", "import jax\n@\nfrom jax import lax\n"),
        ("from jax import lax\n", "@\nfrom jax import lax\n"),
        (
            "from absl import app\nimport jax\nfrom jax import lax\nimport numpy as np\n",
            "from absl import app\nimport jax\nfrom jax import lax\n@\nimport numpy as np\n",
        ),
        (
            "import os\n\nimport jax\n\nfrom mine import a\n",
            "import os\n\nimport jax\n@\n\nfrom mine import a\n",
        ),
        ("import os\nimport sys\n\nx = 1\n", "import os\nimport sys\n\n@\n\nx = 1\n"),
        (
            "from __future__ import annotations\n\nx = 1\n",
            "from __future__ import annotations\n\n@\n\nx = 1\n",
        ),
        ("from . import mine\n", "@\nfrom . import mine\n"),
        (
            "import jax\nfrom jax import (\n    lax,\n    nn,\n)\n\nx = 1\n",
            "import jax\n@\nfrom jax import (\n    lax,\n    nn,\n)\n\nx = 1\n",
        ),
        ("import mine\n\nimport jax\n", "import mine\n\nimport jax\n@\n"),
    ],
)
def test_it_goes_where_it_is_sorted(before: str, after: str) -> None:
    module = parse(SourceFile("a.py", before))

    edit = import_lines.add(module, NEW, "\n")

    text = before[: edit.span.start] + edit.text + before[edit.span.end :]
    assert text == after.replace("@", NEW)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("import jax\n", "import math\n\nimport jax\n"),
        ("import os\n\nimport jax\n", "import math\nimport os\n\nimport jax\n"),
        ("import abc\nfrom os import path\n", "import abc\nimport math\nfrom os import path\n"),
        (
            "from __future__ import annotations\n\nimport jax\n",
            "from __future__ import annotations\n\nimport math\n\nimport jax\n",
        ),
    ],
)
def test_the_standard_library_comes_first(before: str, after: str) -> None:
    module = parse(SourceFile("a.py", before))

    edit = import_lines.add(module, "import math", "\n")

    assert before[: edit.span.start] + edit.text + before[edit.span.end :] == after
