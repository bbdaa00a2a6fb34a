# make bench-reports: see tests/bench/reports.c
$(B)/bench/reports: $(call obj,tests/bench/reports.c) $(call lib,ca) $(call lib,policy) $(call lib,wire) $(call lib,base)
	@mkdir -p $(@D)
	$(call say,LD $@)
	$(Q)$(CC) $(LDFLAGS) -o $@ $^ $(ca_LIBS)

bench-reports: $(B)/bench/reports
	@dir=$$(mktemp -d $(B)/bench/reports.XXXXXX) && \
	    { $(bench_keep) reports $(B)/bench/reports $$dir; e=$$?; \
	    rm -rf $$dir; exit $$e; }
	@$(bench_sum) reports
bench: bench-reports

.PHONY: bench bench-reports
