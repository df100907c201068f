"""How true what the runner says is: `make bench-runner`."""
