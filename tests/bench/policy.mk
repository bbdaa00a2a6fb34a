# Plan time and bytes per link against a bare program.
$(B)/bench/policy: $(call obj,tests/bench/policy.c) $(call lib,policy)
	@mkdir -p $(@D)
	$(CC) $(LDFLAGS) -o $@ $^

bench-policy: $(B)/bench/policy
	$(B)/bench/policy
bench-policy-large: $(B)/bench/policy
	$(B)/bench/policy --large
bench: bench-policy
.PHONY: bench bench-policy bench-policy-large
