UNITS += hsm
unit_hsm_SRC := tests/unit/hsm/main.c tests/unit/hsm/softhsm.c \
                tests/unit/hsm/world.c tests/unit/hsm/daemon.c tests/unit/hsm/token_rig.c \
                tests/unit/hsm/test_approve.c tests/unit/hsm/test_approve_withdrawn.c tests/unit/hsm/approvers.c tests/unit/hsm/test_stolen.c tests/unit/hsm/test_backup.c tests/unit/hsm/test_config.c \
                tests/unit/hsm/test_journal.c tests/unit/hsm/test_judge.c \
                tests/unit/hsm/test_judge_own.c tests/unit/hsm/test_judge_depth.c \
                tests/unit/hsm/test_ks_worker.c tests/unit/hsm/test_map.c \
                tests/unit/hsm/test_p11_uri.c tests/unit/hsm/test_pin.c \
                tests/unit/hsm/test_req_certs.c \
                tests/unit/hsm/test_req_keys.c \
                tests/unit/hsm/test_req_nodes.c \
                tests/unit/hsm/test_req_orders.c \
                tests/unit/hsm/test_req_proofs.c \
                tests/unit/hsm/test_req_recall.c \
                tests/unit/hsm/test_rekey.c \
                tests/unit/hsm/test_core.c \
                tests/unit/hsm/test_signer.c \
                tests/unit/hsm/test_ks_mem.c \
                tests/unit/hsm/test_worker_io.c \
                tests/unit/hsm/test_worker.c \
                tests/unit/hsm/test_record.c \
                tests/unit/hsm/test_state.c \
                tests/unit/hsm/test_holds.c \
                tests/unit/hsm/test_profile.c \
                tests/unit/hsm/test_token_p11.c \
                tests/unit/hsm/test_token_raw.c \
                tests/unit/hsm/test_server.c
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
