"""What runs a task: processes that are started or copied, the lock on the device, how they ended."""
