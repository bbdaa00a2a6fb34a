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

# Every state after every call; and the control: what a careless program
# would have done must be found wrong.
crash: $(B)/test/crash-agent
	$(B)/test/crash-agent
	for b in fsync dirsync rename; do \
	    ! $(B)/test/crash-agent -b $$b >$(B)/test/crash.$$b 2>&1 || exit 1; \
	done
.PHONY: crash
check: crash
