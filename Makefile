.DEFAULT_GOAL := help
.PHONY: help demo test test-matrix check bench bench-runner editor screenshots vsix format docs clean

help:  ## List the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' Makefile

demo:  ## Install into this folder and show the main job on examples/
	@bash scripts/demo.sh

test:  ## Install what the tests need (asks for sudo where system packages are missing) and run all of them
	@bash scripts/test.sh

check:  ## Lint, format, types, fast tests, generated files: before each commit
	@bash scripts/check.sh

test-matrix:  ## Run the runner's tests under several releases of JAX and Python
	@bash scripts/test-matrix.sh

bench:  ## Measure speed and memory next to ruff and ast.parse: a table of goals and figures
	@bash scripts/bench.sh

bench-runner:  ## Measure whether the runner tells the truth: its times, its comparisons
	@bash scripts/bench-runner.sh

editor:  ## Open the examples in VS Code in the browser, with the extension
	@bash scripts/editor.sh

screenshots:  ## Make the README's pictures anew
	@bash scripts/screenshots.sh

vsix:  ## Build the extension's packages into dist/
	@bash scripts/vsix.sh

format:  ## Format the Python code and mend what the linter can
	@bash scripts/format.sh

docs:  ## Write the generated files: rule pages, settings, protocol
	@bash scripts/docs.sh

clean:  ## Remove everything that make made in this folder
	rm -rf .venv .venv-3.* .tools .cache .pytest_cache .ruff_cache .hypothesis dist test-results
	rm -rf extension/node_modules extension/out extension/dist extension/bundled
	find analyzers server runner tests docs examples benchmarks scripts -name __pycache__ -type d -prune -exec rm -rf {} +
