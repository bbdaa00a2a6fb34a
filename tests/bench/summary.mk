# make bench: its four ratios at the end, and build/bench/report.json.
bench_keep = KEDGE_BUILD=$(B) tests/bench/keep.sh
bench_sum  = KEDGE_BUILD=$(B) tests/bench/summary.sh

bench:
	@$(bench_sum)

.PHONY: bench
