# Unit tests of ca/: one file per source, each with a TCase in suite_*().
UNITS += ca
unit_ca_SRC := tests/unit/ca/main.c tests/unit/ca/test_cli.c
unit_ca_USES := ca policy wire conf base
# beside each other; the longest cases lie in different ones
unit_ca_PARTS := 1 2 3 4
unit_ca_LIBS := $(ca_LIBS)
unit_ca_SRC += tests/unit/ca/test_remote.c
unit_ca_SRC += tests/unit/ca/test_topology.c tests/unit/ca/test_cmd_plan.c tests/unit/ca/test_cmd_simulate.c tests/unit/ca/test_cmd_graph.c
unit_ca_SRC += tests/unit/ca/words.c tests/unit/ca/test_cmd_audit.c
unit_ca_SRC += tests/unit/ca/test_cmd_verify.c tests/unit/wire/fleet.c
# kedged with fake nodes and a fake hsmd; tests/crash and tests/fuzz use it, too
unit_ca_SRC += tests/unit/ca/store_rig.c
ca_world_SRC := tests/unit/ca/hsm_fake.c tests/unit/ca/world.c \
                tests/unit/ca/world_join.c tests/unit/ca/world_own.c tests/unit/ca/world_ready.c
unit_ca_SRC += $(ca_world_SRC) tests/unit/ca/test_roll.c tests/unit/ca/test_management.c
unit_ca_SRC += tests/unit/ca/test_store_sqlite.c tests/unit/ca/test_deliver.c
unit_ca_SRC += tests/unit/ca/test_report.c tests/unit/ca/test_config.c
unit_ca_SRC += tests/unit/ca/test_control.c tests/unit/ca/test_change.c
unit_ca_SRC += tests/unit/ca/test_net.c tests/unit/ca/test_roll_steer.c tests/unit/ca/test_pace.c
unit_ca_SRC += tests/unit/ca/test_compromised.c
unit_ca_SRC += tests/unit/ca/test_dial.c tests/unit/ca/test_node.c tests/unit/ca/test_differ.c
unit_ca_SRC += tests/unit/ca/test_join.c
unit_ca_SRC += tests/unit/ca/test_invite.c
unit_ca_SRC += tests/unit/ca/test_show.c
unit_ca_SRC += tests/unit/ca/test_stock.c
unit_ca_SRC += tests/unit/ca/asked.c tests/unit/ca/test_trigger.c
unit_ca_SRC += tests/unit/ca/test_renew.c tests/unit/ca/test_rekey.c tests/unit/ca/test_forget.c tests/unit/ca/test_held.c tests/unit/ca/test_refused.c
unit_ca_SRC += tests/unit/ca/test_metrics.c tests/unit/ca/test_doctor.c
unit_ca_SRC += tests/unit/ca/test_claim.c tests/unit/ca/test_recover.c
unit_ca_SRC += tests/unit/ca/test_parcels.c tests/unit/ca/test_base64.c
unit_ca_SRC += tests/unit/ca/test_cmd_parcel.c tests/unit/ca/test_control_parcel.c
unit_ca_SRC += tests/unit/ca/test_recall_own.c
unit_ca_SRC += tests/unit/ca/stand_in.c tests/unit/ca/test_cmd_roll.c
unit_ca_SRC += tests/unit/ca/test_control_recover.c tests/unit/ca/test_cmd_recover.c
unit_ca_SRC += tests/unit/ca/test_recover_ask.c
unit_ca_SRC += tests/unit/ca/test_store_sqlite_audit.c
unit_ca_SRC += tests/unit/ca/test_store_sqlite_schema.c
unit_ca_SRC += tests/unit/ca/test_store_sqlite_fleet.c
unit_ca_SRC += tests/unit/ca/test_store_sqlite_link.c
unit_ca_SRC += tests/unit/ca/test_store_sqlite_rolls.c
unit_ca_SRC += tests/unit/ca/test_store_sqlite_roll.c
unit_ca_SRC += tests/unit/ca/test_store_sqlite_gone.c
unit_ca_SRC += tests/unit/ca/test_store_sqlite_leaf.c
unit_ca_SRC += tests/unit/ca/test_store_sqlite_rekey.c
unit_ca_SRC += tests/unit/ca/test_store_sqlite_stock.c
unit_ca_SRC += tests/unit/ca/test_store_sqlite_sums.c
