"""T8: whose online figure is nearest the truth. `scripts/bench truth`; see docs/benchmarks."""
