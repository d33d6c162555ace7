"""What we can learn: one file per way of asking. Touches the network, the host and child processes; decides nothing."""
