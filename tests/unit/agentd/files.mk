UNITS += agentd
unit_agentd_SRC := \
	tests/unit/agentd/app.c \
	tests/unit/agentd/crash.c \
	tests/unit/agentd/main.c \
	tests/unit/agentd/node.c \
	tests/unit/agentd/order_rig.c \
	tests/unit/agentd/pair.c \
	tests/unit/agentd/probe_rig.c \
	tests/unit/agentd/rig.c \
	tests/unit/agentd/test_agent.c \
	tests/unit/agentd/test_bundle.c \
	tests/unit/agentd/test_config.c \
	tests/unit/agentd/test_courier.c \
	tests/unit/agentd/test_death.c \
	tests/unit/agentd/test_dial.c \
	tests/unit/agentd/test_guests.c \
	tests/unit/agentd/test_holdings.c \
	tests/unit/agentd/test_job.c \
	tests/unit/agentd/test_join.c \
	tests/unit/agentd/test_knock.c \
	tests/unit/agentd/test_listen.c \
	tests/unit/agentd/test_live.c \
	tests/unit/agentd/test_manifest.c \
	tests/unit/agentd/test_pids.c \
	tests/unit/agentd/test_porch.c \
	tests/unit/agentd/test_net.c \
	tests/unit/agentd/test_order.c \
	tests/unit/agentd/test_order_compromised.c \
	tests/unit/agentd/test_order_open.c \
	tests/unit/agentd/test_order_renew.c \
	tests/unit/agentd/test_probe.c \
	tests/unit/agentd/test_probe_client.c \
	tests/unit/agentd/test_probe_server.c \
	tests/unit/agentd/test_proc.c \
	tests/unit/agentd/test_rekey.c \
	tests/unit/agentd/test_relay.c \
	tests/unit/agentd/test_render.c \
	tests/unit/agentd/test_report.c \
	tests/unit/agentd/test_self.c \
	tests/unit/agentd/test_spool.c \
	tests/unit/agentd/test_state.c \
	tests/unit/agentd/test_stock.c \
	tests/unit/agentd/test_store.c \
	tests/unit/agentd/test_store_key.c \
	tests/unit/agentd/test_work.c tests/unit/agentd/test_clock.c \
	tests/unit/wire/fleet.c
unit_agentd_USES := agentd wire conf base
# crash.c stands in front of everything that writes
unit_agentd_LIBS := $(agentd_LIBS) \
	-Wl,--wrap=base_file_write,--wrap=base_file_put,--wrap=base_dir_sync \
	-Wl,--wrap=base_file_stage,--wrap=base_file_place
