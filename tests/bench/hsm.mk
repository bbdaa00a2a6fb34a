# make bench-hsm: see tests/bench/bench-hsm.sh
$(B)/obj/tests/bench/raw_sign.o: CFLAGS += $(hsm_CFLAGS)
$(B)/bench/raw_sign: $(call obj,tests/bench/raw_sign.c)
	@mkdir -p $(@D)
	$(call say,LD $@)
	$(Q)$(CC) $(LDFLAGS) -o $@ $^ -ldl
$(B)/bench/issue: $(call obj,tests/bench/issue.c) $(call lib,wire) $(call lib,base)
	@mkdir -p $(@D)
	$(call say,LD $@)
	$(Q)$(CC) $(LDFLAGS) -o $@ $^ $(EVENT_LIBS) $(CRYPTO_LIBS)

bench-hsm: $(B)/bin/kedge-hsmd $(B)/bench/raw_sign $(B)/bench/issue
	@$(bench_keep) hsm tests/bench/bench-hsm.sh
	@$(bench_sum) issuing
bench: bench-hsm
.PHONY: bench bench-hsm
