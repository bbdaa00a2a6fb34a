# kedge: make, make check, make demo. Sources are listed per folder in
# FOLDER/files.mk; objects and programs go to $(B).

VERSION := 0.1.0
B       ?= build
CC      ?= cc
OPT     ?= -O2 -g
PKGS    := libcrypto libssl libevent libevent_openssl libconfig jansson \
           sqlite3 smartcols libp11 p11-kit-1 check

WARN    := -Wall -Wextra -Werror -Wshadow -Wstrict-prototypes \
           -Wmissing-prototypes -Wpointer-arith -Wwrite-strings -Wcast-qual \
           -Wconversion -Wsign-conversion -Wswitch-enum -Wundef -Wvla \
           -Wformat=2 -Wnull-dereference
HARD    := -fstack-protector-strong -fstack-clash-protection -fPIE
FORTIFY ?= -D_FORTIFY_SOURCE=2
CFLAGS  := -std=c17 -D_GNU_SOURCE $(OPT) $(WARN) $(HARD) $(FORTIFY) $(SAN) \
           -DOPENSSL_NO_DEPRECATED -I. $(EXTRA_CFLAGS)
LDFLAGS := -pie -Wl,-z,relro,-z,now,--as-needed $(SAN) $(EXTRA_LDFLAGS)

CRYPTO_LIBS := -lssl -lcrypto
EVENT_LIBS  := -levent_openssl -levent

# make V=1 shows whole commands
Q := $(if $(V),,@)
say = $(if $(V),,@echo "  $(1)")

all:

FOLDERS := base conf policy wire hsm ca agentd
include $(FOLDERS:%=%/files.mk)
include tests/files.mk

obj = $(patsubst %.c,$(B)/obj/%.o,$(1))
lib = $(B)/lib/libkedge-$(1).a

$(B)/obj/base/version.o: Makefile
$(B)/obj/%.o: %.c
	@mkdir -p $(@D)
	$(call say,CC $<)
	$(Q)$(CC) $(CFLAGS) $($(firstword $(subst /, ,$<))_CFLAGS) -MMD -MP -c -o $@ $<

define folder_lib
$(call lib,$(1)): $(call obj,$($(1)_SRC))
	@mkdir -p $$(@D)
	$(call say,AR $$@)
	$(Q)rm -f $$@ && $(AR) rcs $$@ $$^
endef
$(foreach f,$(FOLDERS),$(eval $(call folder_lib,$(f))))
all: $(FOLDERS:%=$(call lib,%))

# program: $(1) name, $(2) main source, $(3) folder libraries, $(4) libraries
define program
all: $(B)/bin/$(1)
$(B)/bin/$(1): $(call obj,$(2)) $(foreach l,$(3),$(call lib,$(l)))
	@mkdir -p $$(@D)
	$(call say,LD $$@)
	$(Q)$(CC) $(LDFLAGS) -o $$@ $$^ $(4)
endef
$(eval $(call program,kedge,ca/kedge_main.c,ca policy wire conf base,$(ca_LIBS)))
$(eval $(call program,kedged,ca/kedged_main.c,ca policy wire conf base,$(ca_LIBS)))
$(eval $(call program,kedge-hsmd,hsm/hsmd_main.c,hsm policy wire conf base,$(hsm_LIBS)))
$(eval $(call program,kedge-agentd,agentd/agentd_main.c,agentd wire conf base,$(agentd_LIBS)))

# unit test: $(1) folder; links the folder's library and those below it;
# time-outs only end what hangs, so a busy machine is given its time
define unit
$(B)/test/$(1): $(call obj,$(unit_$(1)_SRC)) $(foreach l,$(unit_$(1)_USES),$(call lib,$(l)))
	@mkdir -p $$(@D)
	$(call say,LD $$@)
	$(Q)$(CC) $(LDFLAGS) -o $$@ $$^ $(unit_$(1)_LIBS) $(CHECK_LIBS)
unit: $(B)/test/$(1)
unit-run-$(1): $(B)/test/$(1)
	CK_TIMEOUT_MULTIPLIER=10 KEDGE_BUILD=$(B) $(B)/test/$(1)
unit-part-$(1)-%: $(B)/test/$(1)
	$(Q)CK_TIMEOUT_MULTIPLIER=10 KEDGE_BUILD=$(B) KEDGE_PART=$$*/$(words $(unit_$(1)_PARTS)) $(B)/test/$(1)
endef
CHECK_LIBS := $(shell pkg-config --libs check)
$(foreach f,$(UNITS),$(eval $(call unit,$(f))))

# three at a time, for some wait more than they compute, and these first; or as
# many as make -j says; each says all it has to at its end
UNIT_WAITERS := hsm wire agentd
UNIT_RUNS = $(foreach f,$(UNIT_WAITERS) $(filter-out $(UNIT_WAITERS),$(UNITS)),$(if $(unit_$(f)_PARTS),\
    $(unit_$(f)_PARTS:%=unit-part-$(f)-%),unit-run-$(f)))
units-run: $(UNIT_RUNS)
unit-check: unit
	+$(Q)$(MAKE) --no-print-directory -O $(if $(filter -j%,$(MAKEFLAGS)),,-j3) units-run
check: unit-check

include tests/e2e/files.mk
include $(wildcard tests/bench/*.mk)
include tests/model/files.mk
include tests/sim/files.mk
include tests/crash/files.mk
include packaging/files.mk

check: all $(if $(SAN),,lint)

asan:
	KEDGE_CHECK_RATE=6 SIM_SHARE=5 $(MAKE) B=build/asan CC=clang OPT="-O1 -g -fno-omit-frame-pointer" \
	    FORTIFY= SAN="-fsanitize=address,undefined -fno-sanitize-recover=all" check

# What gcc lets pass: both compilers build this, and the sanitizers' build is
# too late to learn it. prove.c is for CBMC alone.
CLANG ?= clang
LINT_SRC := $(filter-out tests/model/prove.c,$(shell find $(FOLDERS) tests -name '*.c'))
$(B)/lint/%.ok: %.c $(B)/lint/by
	@mkdir -p $(@D)
	$(Q)$(CLANG) $(CFLAGS) $(hsm_CFLAGS) -DKEDGE_VERSION=__FILE__ \
	    -fsyntax-only -MMD -MP -MF $(@:.ok=.d) -MT $@ $<
	@touch $@
lint-clang: $(LINT_SRC:%.c=$(B)/lint/%.ok)
# with other flags, or by another clang, each is looked at again
LINT_BY := $(CFLAGS) $(hsm_CFLAGS) $(shell $(CLANG) --version 2>/dev/null)
$(B)/lint/by: FORCE
	@mkdir -p $(@D)
	@printf '%s\n' '$(LINT_BY)' | cmp -s - $@ || printf '%s\n' '$(LINT_BY)' >$@
lint:
	+$(Q)e=0; tests/lint/run || e=1; \
	! command -v $(CLANG) >/dev/null || $(MAKE) -k --no-print-directory \
	    $(if $(filter -j%,$(MAKEFLAGS)),,-j2) lint-clang || e=1; exit $$e

deps:
	packaging/install-deps

clean:
	rm -rf $(B)

.PHONY: all check unit unit-check units-run asan lint lint-clang deps clean FORCE
.DELETE_ON_ERROR:
-include $(shell find $(B)/obj $(B)/lint -name '*.d' 2>/dev/null)
