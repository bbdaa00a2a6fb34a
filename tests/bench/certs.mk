# What composing and verifying a certificate costs.
$(B)/bench/certs: $(call obj,tests/bench/certs.c) $(call lib,wire) $(call lib,base)
	@mkdir -p $(@D)
	$(call say,LD $@)
	$(Q)$(CC) $(LDFLAGS) -o $@ $^ $(CRYPTO_LIBS)

bench-certs: $(B)/bench/certs
	$(B)/bench/certs
bench: bench-certs
.PHONY: bench bench-certs
