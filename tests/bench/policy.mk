# Plan time and bytes per link against a bare program, time per report; fails
# beyond its limits. large is 1e6 nodes and 1e7 links, and needs 1 GB.
$(B)/bench/policy: $(call obj,tests/bench/policy.c \
	tests/bench/policy_reports.c) $(call lib,policy)
	@mkdir -p $(@D)
	$(CC) $(LDFLAGS) -o $@ $^

bench-policy: $(B)/bench/policy
	@$(bench_keep) policy $<
	@$(bench_sum) plan
bench-policy-large: $(B)/bench/policy
	@$(bench_keep) policy $< --large
	@$(bench_sum) plan
bench: bench-policy-large
.PHONY: bench bench-policy bench-policy-large
