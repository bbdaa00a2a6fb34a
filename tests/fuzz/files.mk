# make fuzz: each parser that sees foreign bytes, for FUZZ_SECONDS, from the
# samples in tests/data/msg. make fuzz-seeds writes these samples again.

FUZZ_SECONDS ?= 5
FUZZ_TARGETS := order report stock hello ack token join_request join_answer parcel \
                exchange hsm_request hsm_answer hsm_frame cms http_request \
                http_answer cert crl pem csr tbs
FUZZ_SRC     := tests/fuzz/fuzz.c tests/unit/wire/sample.c \
                tests/unit/wire/fleet.c
FUZZ_LIBS     = $(EVENT_LIBS) $(CRYPTO_LIBS) $(CHECK_LIBS)
FUZZ_FLAGS   := address,undefined

SEEDS_SRC    := tests/fuzz/seeds.c
FUZZ_OBJ     := $(FUZZ_SRC:%.c=$(B)/obj/%.o)
FUZZ_A       := $(B)/lib/libkedge-wire.a $(B)/lib/libkedge-base.a

$(B)/test/fuzz: $(FUZZ_OBJ) $(FUZZ_A)
	@mkdir -p $(@D)
	$(CC) $(LDFLAGS) -fsanitize=fuzzer -o $@ $^ $(FUZZ_LIBS)

$(B)/test/fuzz-seeds: $(SEEDS_SRC:%.c=$(B)/obj/%.o) \
    $(filter-out %/fuzz.o,$(FUZZ_OBJ)) $(FUZZ_A)
	@mkdir -p $(@D)
	$(CC) $(LDFLAGS) -o $@ $^ $(FUZZ_LIBS)

# New finds go to $(B)/fuzz/TARGET, not into the tree.
fuzz-run: $(B)/test/fuzz
	@for t in $(FUZZ_TARGETS); do \
	    mkdir -p $(B)/fuzz/$$t; \
	    FUZZ_TARGET=$$t $(B)/test/fuzz -verbosity=0 \
	        -max_len=65536 -timeout=10 -max_total_time=$(FUZZ_SECONDS) \
	        -artifact_prefix=$(B)/fuzz/$$t- $(B)/fuzz/$$t \
	        tests/data/msg/$$t >$(B)/fuzz/$$t.log 2>&1 || \
	        { cat $(B)/fuzz/$$t.log; exit 1; }; \
	    echo "fuzz: $$t: $(FUZZ_SECONDS) s, nothing found"; \
	done

fuzz:
	$(MAKE) B=build/fuzz CC=clang OPT="-O1 -g -fno-omit-frame-pointer" \
	    FORTIFY= SAN="-fsanitize=fuzzer-no-link,$(FUZZ_FLAGS) \
	    -fno-sanitize-recover=all" fuzz-run

fuzz-seeds: $(B)/test/fuzz-seeds
	$(B)/test/fuzz-seeds tests/data/msg

.PHONY: fuzz fuzz-run fuzz-seeds
