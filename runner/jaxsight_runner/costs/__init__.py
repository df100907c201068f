"""What equations and lines cost, from the jaxpr; what the device can do."""
