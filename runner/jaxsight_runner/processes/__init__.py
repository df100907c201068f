"""How jobs become processes: who starts them, who waits for them, who ends what they leave behind."""
