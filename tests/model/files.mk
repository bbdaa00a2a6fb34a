# Explicit-state explorer of the policy library, its mutants, and a second
# opinion. model-check is part of make check; model takes long.
model_SRC := tests/model/explore.c tests/model/ends.c tests/model/events.c \
	tests/model/facts.c tests/model/hood.c tests/model/pick.c \
	tests/model/resume.c tests/model/search.c tests/model/star.c \
	tests/model/walk.c tests/model/paced.c tests/model/world.c

$(B)/test/explore: $(call obj,$(model_SRC)) $(call lib,policy)
	@mkdir -p $(@D)
	$(CC) $(LDFLAGS) -o $@ $^

EXPLORE := $(B)/test/explore
model-check: model-small $(if $(SAN),,model-medium)
model-small: $(EXPLORE)
	$(EXPLORE) --nodes 3 --dual --ends 20
	$(EXPLORE) --nodes 2 --dual --flips 2 --failures 1 --again 1
	$(EXPLORE) --nodes 2 --dual --flips 1 --excuses 1 --again 1
	$(EXPLORE) --nodes 2 --dual --flips 1 --doubts 1 --again 1
	$(EXPLORE) --nodes 2 --kinds --flips 1 --again 1
	$(EXPLORE) --nodes 2 --kinds --excuses 1 --again 1
	$(EXPLORE) --nodes 3 --dual --walks-only
	$(EXPLORE) --nodes 4 --links 4 --walks-only
	$(EXPLORE) --nodes 8 --random 1000
	$(EXPLORE) --nodes 3 --flips 1 --links 3 --again 4
	$(EXPLORE) --nodes 3 --links 2 --failures 1 --again 1
# all classes of three nodes, each change of mind or mishap on its own; of four
# all in which nobody is client and server, and more; the rest is in make model
model-medium: $(EXPLORE)
	$(EXPLORE) --stars 1
	$(EXPLORE) --nodes 3 --dual --flips 1 --states-only
	$(EXPLORE) --nodes 3 --dual --failures 1 --states-only
	$(EXPLORE) --nodes 3 --dual --excuses 1 --states-only
	$(EXPLORE) --nodes 3 --dual --doubts 1 --states-only
	$(EXPLORE) --nodes 3 --kinds --links 2
	$(EXPLORE) --nodes 4 --links 4 --states-only
check: model-check

# long: each node with up to three peers, whatever each holds, which is four
# nodes with everything; the way to the end on every graph of four; and runs,
# with more mishaps at once on three nodes and more links on four
model: $(EXPLORE)
	$(EXPLORE) --stars 3
	$(EXPLORE) --nodes 4 --dual --ends 1
	$(EXPLORE) --nodes 2 --dual --flips 1 --excuses 1 --doubts 1 --again 1
	$(EXPLORE) --nodes 2 --kinds --flips 1 --failures 1 --again 1
	$(EXPLORE) --nodes 2 --kinds --doubts 1 --again 1
	$(EXPLORE) --nodes 3 --kinds --links 3 --failures 1
	$(EXPLORE) --nodes 3 --dual --links 2 --flips 1 --excuses 1 --again 16
	$(EXPLORE) --nodes 3 --dual --flips 1 --failures 1 --again 16
	$(EXPLORE) --nodes 3 --dual --flips 2 --again 16
	$(EXPLORE) --nodes 4 --links 3 --flips 1 --failures 1 --again 16
	$(EXPLORE) --nodes 4 --links 3 --dual --excuses 1 --states-only
	$(EXPLORE) --nodes 4 --links 3 --dual --doubts 1 --states-only
	$(EXPLORE) --nodes 4 --links 4 --dual --again 16
	$(EXPLORE) --nodes 4 --again 16
	$(EXPLORE) --nodes 6 --random 10000
	$(EXPLORE) --nodes 8 --random 10000

# Real handshakes; the seed is printed. GRAPH=N: the graph of that number alone
oracle_SRC := tests/model/oracle.c tests/model/oracle_files.c \
	tests/model/oracle_pki.c tests/model/oracle_tls.c tests/model/pick.c
$(B)/test/oracle: $(call obj,$(oracle_SRC)) $(foreach l,agentd policy wire conf base,$(call lib,$(l)))
	@mkdir -p $(@D)
	$(CC) $(LDFLAGS) -o $@ $^ $(agentd_LIBS)

oracle: $(B)/test/oracle
	$(B)/test/oracle $(if $(GRAPH),--seed $(GRAPH) --graphs 1,$(if $(SAN),--graphs 30))
check: oracle
.PHONY: oracle

# A second opinion: one server and its clients, in another language.
spin:
	packaging/install-deps proof
	CC="$(CC)" tests/model/spin.sh $(B)/spin
.PHONY: spin

# The inductive step for graphs of any size, where CBMC is there.
prove_SRC := tests/model/prove.c
prove: $(prove_SRC) policy/rule.c
	tests/model/prove.sh
.PHONY: prove

# Each fault of mutants.txt must be found.
mutants:
	CC="$(CC)" tests/model/mutants.sh $(B)/mutants
.PHONY: model-check model-small model-medium model mutants
