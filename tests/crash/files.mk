# What crashes leave on disk: see tests/crash/trace.h.
crash_agent_SRC := tests/crash/agent.c tests/crash/trace.c tests/crash/record.c \
	tests/unit/agentd/rig.c tests/unit/wire/fleet.c
crash_WRAP := $(foreach f,open mkostemp write fsync close rename unlink remove \
	mkdir,-Wl,--wrap=$(f))

$(B)/test/crash-agent: $(call obj,$(crash_agent_SRC)) \
    $(foreach l,agentd conf wire base,$(call lib,$(l)))
	@mkdir -p $(@D)
	$(call say,LD $@)
	$(Q)$(CC) $(LDFLAGS) $(crash_WRAP) -o $@ $^ $(agentd_LIBS) $(CHECK_LIBS)

crash_ca_SRC := tests/crash/ca.c $(ca_world_SRC)
$(B)/test/crash-ca: $(call obj,$(crash_ca_SRC)) \
    $(foreach l,ca conf policy wire base,$(call lib,$(l)))
	@mkdir -p $(@D)
	$(call say,LD $@)
	$(Q)$(CC) $(LDFLAGS) -o $@ $^ $(ca_LIBS) $(CHECK_LIBS)

# Every state after every call of an agent, and every so many of kedged's; and
# the control: what a careless program would have done must be found wrong.
# Who dies frees nothing, so no leaks are looked for.
crash crash-check: export ASAN_OPTIONS = detect_leaks=0
crash crash-check: $(B)/test/crash-agent $(B)/test/crash-ca
	$(B)/test/crash-agent
	$(B)/test/crash-ca -s $(CRASH_STRIDE)
	! $(B)/test/crash-ca -b >$(B)/test/crash.ca 2>&1
	grep -q "not stored" $(B)/test/crash.ca
	for b in fsync dirsync rename; do \
	    ! $(B)/test/crash-agent -b $$b >$(B)/test/crash.$$b 2>&1 && \
	    grep -q "is wrong" $(B)/test/crash.$$b || exit 1; \
	done
crash: CRASH_STRIDE = 1
crash-check: CRASH_STRIDE = 4
check: crash-check
.PHONY: crash crash-check
