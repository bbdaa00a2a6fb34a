# Programs and scripts of the demo and of the end-to-end tests. The main
# Makefile includes this after its own rules.

# program of tests/e2e: $(1) name, $(2) sources, $(3) libraries, $(4) ours
define e2e_program
e2e-programs: $(B)/e2e/$(1)
$(B)/e2e/$(1): $(call obj,$(2)) $(foreach l,$(4),$(call lib,$(l)))
	@mkdir -p $$(@D)
	$(call say,LD $$@)
	$(Q)$(CC) $(LDFLAGS) -o $$@ $$^ $(3)
endef
$(eval $(call e2e_program,tlsclient,tests/e2e/tlsclient.c,$(EVENT_LIBS) $(CRYPTO_LIBS)))
$(eval $(call e2e_program,load,tests/e2e/load.c tests/e2e/load_report.c,))
$(eval $(call e2e_program,ports,tests/e2e/ports.c,))
$(eval $(call e2e_program,activate,tests/e2e/activate.c,))
$(eval $(call e2e_program,probe,tests/e2e/probe.c,$(CRYPTO_LIBS)))
$(eval $(call e2e_program,token,tests/e2e/token.c,-ldl))
$(eval $(call e2e_program,forge,tests/e2e/forge.c,$(CRYPTO_LIBS) -lsqlite3,wire base))
$(B)/obj/tests/e2e/token.o: CFLAGS += $(hsm_CFLAGS)

# The demo installs what it needs by itself, before it builds.
demo demo-naive:
	packaging/install-deps build demo
	$(MAKE) all e2e-programs
	KEDGE_BUILD=$(B) tests/e2e/$@.sh

check: check-e2e
check-e2e: all e2e-programs
	KEDGE_BUILD=$(B) tests/e2e/check.sh

# What takes longer than make check has time for
e2e: e2e-short e2e-netns
e2e-short: all e2e-programs
	KEDGE_BUILD=$(B) tests/e2e/apps-test.sh
	KEDGE_BUILD=$(B) tests/e2e/strategies.sh
	KEDGE_BUILD=$(B) tests/e2e/steer.sh
	KEDGE_BUILD=$(B) tests/e2e/compromised.sh
	KEDGE_BUILD=$(B) tests/e2e/management.sh
	KEDGE_BUILD=$(B) tests/e2e/recover.sh
	KEDGE_BUILD=$(B) tests/e2e/renew.sh
	KEDGE_BUILD=$(B) tests/e2e/relayjoin.sh
	KEDGE_BUILD=$(B) tests/e2e/byfile.sh
	KEDGE_BUILD=$(B) tests/e2e/loss.sh
	KEDGE_BUILD=$(B) tests/e2e/full.sh

# Twenty nodes in network namespaces that lose packets: a quarter of an hour
# at full load. HANDSHAKES= how many there must be.
HANDSHAKES ?= 200000
e2e-netns: all e2e-programs
	KEDGE_BUILD=$(B) tests/e2e/netns.sh $(HANDSHAKES) $(SEED)

# Daemons die at random moments; four rolls of it. SEED= another story, empty
# for a new one each time.
SEED ?= 1
fault: all e2e-programs
	KEDGE_BUILD=$(B) tests/e2e/fault.sh 4 $(SEED)

.PHONY: fault e2e-programs demo demo-naive check-e2e e2e e2e-short e2e-netns
