# The simulator: kedged and the agents, as they are, over a clock, a disk, a
# network and applications that obey a seed. What tests/sim/ defines takes the
# place of base/clock.c, base/file.c, agentd/live.c and libevent's timers, and
# of CMS in most seeds.
sim_SRC := tests/sim/main.c tests/sim/clock.c tests/sim/disk.c \
	tests/sim/node.c tests/sim/live.c tests/sim/net.c \
	tests/sim/authority.c tests/sim/look.c tests/sim/fleet.c \
	tests/sim/trouble.c tests/sim/errand.c tests/sim/deed.c \
	tests/sim/seal.c tests/sim/memo.c tests/unit/quick.c tests/unit/ca/hsm_fake.c

sim_WRAP := $(foreach f,wire_cms_sign wire_cms_verify wire_x509_from_der \
	wire_x509_stack_from_pem wire_x509_stack_from_der wire_x509_to_pem \
	wire_key_from_pem wire_key_to_pem wire_verify_cert ag_manifest_parse \
	X509_verify,-Wl,--wrap=$(f))

$(B)/test/sim: $(call obj,$(sim_SRC)) \
    $(foreach l,ca agentd conf policy wire base,$(call lib,$(l)))
	@mkdir -p $(@D)
	$(call say,LD $@)
	$(Q)$(CC) $(LDFLAGS) $(sim_WRAP) -o $@ $^ $(ca_LIBS)

# make sim SEEDS=10000 FROM=1; a failure prints its seed
SEEDS ?= 2000
FROM ?= 1
JOBS ?= 2
sim: $(B)/test/sim
	$(B)/test/sim -e -j $(JOBS) $(FROM) $(SEEDS) 5 30

# The same in small: SIM_SHARE of a hundred of 480 seeds of small fleets, five
# seeds to a fleet, and 20 of large ones, seed 50 among both, which has real CMS
# and does not remember what OpenSSL found; all as a rule: about two minutes on
# two cores. The seeds that once failed; some in which an operator does more
# (-e); and the control: hasty agents must be found out. Some node must have held
# an order, else no clock was wrong and no disk full.
SIM_SHARE ?= 100
sim_run = $(B)/test/sim -j $(JOBS) $(1) >$(B)/test/sim.out || \
	{ grep ^sim: $(B)/test/sim.out; false; }
sim-check: $(B)/test/sim
	$(call sim_run,-f tests/sim/seeds.txt)
	$(call sim_run,-t 2 1 $$((480 * $(SIM_SHARE) / 100)) 5 30)
	grep -q ', [1-9][0-9]* held' $(B)/test/sim.out
	$(call sim_run,-t 1 46 $$((20 * $(SIM_SHARE) / 100)) 200 200)
	$(call sim_run,-e -f tests/sim/deeds.txt)
	$(call sim_run,-e -t 2 1 $$((60 * $(SIM_SHARE) / 100)) 5 30)
	! $(B)/test/sim -b -j $(JOBS) 1 10 5 10 >$(B)/test/sim.hasty
	grep -q refuses $(B)/test/sim.hasty
check: sim-check
.PHONY: sim sim-check
