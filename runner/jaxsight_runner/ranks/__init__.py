"""Several processes that run one program together: which of them this is, and how they find one another."""
