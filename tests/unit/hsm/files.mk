UNITS += hsm
unit_hsm_SRC := $(addprefix tests/unit/hsm/,main.c softhsm.c world.c daemon.c \
	test_backup.c test_config.c test_journal.c test_judge.c test_ks_worker.c \
	test_map.c test_p11_uri.c test_pin.c test_req_certs.c test_req_keys.c \
	test_req_nodes.c test_req_orders.c test_req_proofs.c test_server.c)
unit_hsm_USES := hsm policy wire conf base
unit_hsm_LIBS := $(hsm_LIBS) $(EVENT_LIBS)

# The tests start kedge-hsmd, and workers, which are kedge-hsmd too; one of
# their modules is made to hang. It is loaded without the sanitizers' runtime
# of its own.
$(B)/test/hsm: | $(B)/bin/kedge-hsmd $(B)/test/hang_module.so
$(B)/test/hang_module.so: tests/unit/hsm/hang_module.c
	@mkdir -p $(@D)
	$(call say,LD $@)
	$(Q)$(CC) -std=c17 -D_GNU_SOURCE $(WARN) -fPIC -shared $(hsm_CFLAGS) \
	    -o $@ $< -ldl
