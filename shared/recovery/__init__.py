"""What happens to runs that did not end by themselves: reconciliation, dead letters, replay, mail to the operator."""
