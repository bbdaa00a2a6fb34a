# Programs of the demo and of the end-to-end tests; the scripts beside this
# file run them. The main Makefile includes this after its own rules.

# program of tests/e2e: $(1) name, $(2) sources, $(3) libraries
define e2e_program
all: $(B)/e2e/$(1)
$(B)/e2e/$(1): $(call obj,$(2))
	@mkdir -p $$(@D)
	$(CC) $(LDFLAGS) -o $$@ $$^ $(3)
endef
$(eval $(call e2e_program,tlsclient,tests/e2e/tlsclient.c,$(EVENT_LIBS) $(CRYPTO_LIBS)))
$(eval $(call e2e_program,load,tests/e2e/load.c tests/e2e/load_report.c,))
$(eval $(call e2e_program,ports,tests/e2e/ports.c,))
$(eval $(call e2e_program,activate,tests/e2e/activate.c,))
