# make bench-agent: see tests/e2e/bench-agent.sh
define bench_program
$(B)/bench/$(1): $(call obj,$(2)) $(call lib,base)
	@mkdir -p $$(@D)
	$$(call say,LD $$@)
	$(Q)$(CC) $(LDFLAGS) -o $$@ $$^ $(EVENT_LIBS) $(CRYPTO_LIBS)
endef
$(eval $(call bench_program,floor,tests/bench/floor.c))
$(eval $(call bench_program,ready,tests/bench/ready.c))

bench-agent: all e2e-programs $(B)/bench/floor $(B)/bench/ready
	@$(bench_keep) agent tests/e2e/bench-agent.sh
	@$(bench_sum) agent_rss agent_start
bench: bench-agent

.PHONY: bench bench-agent
