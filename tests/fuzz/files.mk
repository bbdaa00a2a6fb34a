# make fuzz: each parser that sees foreign bytes, for FUZZ_SECONDS, from the
# samples in tests/data/msg. make fuzz-seeds writes those of wire/ again.

FUZZ_SECONDS ?= 5
FUZZ_TARGETS := order report stock hello ack token join_request join_answer \
                invite join_call seal parcel exchange hsm_request hsm_answer hsm_frame cms http_request \
                http_answer cert crl pem csr rekey tbs \
                topology agent_config kedged_config hsmd_config p11_uri \
                journal records state pointer manifest spool crls verify \
                control
WIRE_FUZZ    := tests/unit/wire/sample.c tests/unit/wire/fleet.c
FUZZ_SRC     := tests/fuzz/fuzz.c tests/fuzz/fuzz_files.c $(WIRE_FUZZ) \
                tests/unit/ca/asked.c $(ca_world_SRC)
FUZZ_LIBS     = $(EVENT_LIBS) $(CRYPTO_LIBS) $(ca_LIBS) $(hsm_LIBS) \
                $(CHECK_LIBS)
FUZZ_FLAGS   := address,undefined

SEEDS_SRC    := tests/fuzz/seeds.c
FUZZ_OBJ     := $(FUZZ_SRC:%.c=$(B)/obj/%.o)
FUZZ_A       := $(patsubst %,$(B)/lib/libkedge-%.a, \
                ca hsm agentd conf policy wire base)

$(B)/test/fuzz: $(FUZZ_OBJ) $(FUZZ_A)
	@mkdir -p $(@D)
	$(CC) $(LDFLAGS) -fsanitize=fuzzer -o $@ $^ $(FUZZ_LIBS)

$(B)/test/fuzz-seeds: $(SEEDS_SRC:%.c=$(B)/obj/%.o) \
    $(WIRE_FUZZ:%.c=$(B)/obj/%.o) $(B)/lib/libkedge-wire.a $(B)/lib/libkedge-base.a
	@mkdir -p $(@D)
	$(CC) $(LDFLAGS) -o $@ $^ $(FUZZ_LIBS)

# New finds go to $(B)/fuzz/TARGET, not into the tree. Every sample of
# tests/data/msg is run first, those that once failed among them.
fuzz-run: $(FUZZ_TARGETS:%=fuzz-%)
$(FUZZ_TARGETS:%=fuzz-%): fuzz-%: $(B)/test/fuzz
	@mkdir -p $(B)/fuzz/$*
	@FUZZ_TARGET=$* $(B)/test/fuzz -verbosity=0 -rss_limit_mb=0 \
	    -max_len=65536 -timeout=10 -max_total_time=$(FUZZ_SECONDS) \
	    -artifact_prefix=$(B)/fuzz/$*- $(B)/fuzz/$* \
	    tests/data/msg/$* >$(B)/fuzz/$*.log 2>&1 || \
	    { cat $(B)/fuzz/$*.log; exit 1; }
	@echo "fuzz: $*: $(FUZZ_SECONDS) s, nothing found"

fuzz:
	$(MAKE) B=build/fuzz CC="$(FUZZ_CC)" OPT="-O1 -g -fno-omit-frame-pointer" \
	    FORTIFY= SAN="-fsanitize=fuzzer-no-link,$(FUZZ_FLAGS) \
	    -fno-sanitize-recover=all" fuzz-run

# In make check: all samples, and a second of chance for each target.
FUZZ_CC ?= clang
fuzz-check:
	$(MAKE) -j$(JOBS) FUZZ_SECONDS=1 fuzz
ifeq ($(SAN),)
check: fuzz-check
endif

fuzz-seeds: $(B)/test/fuzz-seeds
	$(B)/test/fuzz-seeds tests/data/msg

.PHONY: fuzz fuzz-run fuzz-check fuzz-seeds $(FUZZ_TARGETS:%=fuzz-%)
