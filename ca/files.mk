# Sources of ca/, one idea each; main programs are named in the Makefile.
# kedge
ca_SRC := \
	ca/cli.c \
	ca/cli_table.c
ca_SRC += \
	ca/cmd_audit.c \
	ca/cmd_fleet.c \
	ca/cmd_roll.c \
	ca/cmd_topology.c \
	ca/cmd_trigger.c \
	ca/cmd_doctor.c \
	ca/cmd_watch.c \
	ca/cmd_report.c \
	ca/cmd_verify.c \
	ca/ctl.c \
	ca/remote.c \
	ca/table.c
ca_SRC += \
	ca/cmd_compare.c \
	ca/cmd_graph.c \
	ca/cmd_plan.c \
	ca/drawing.c \
	ca/drawing_svg.c \
	ca/cmd_simulate.c \
	ca/look.c \
	ca/outlook_doc.c \
	ca/pace.c \
	ca/plan_doc.c \
	ca/topology.c \
	ca/topology_link.c \
	ca/topology_route.c
# kedged
ca_SRC += \
	ca/change.c \
	ca/config.c \
	ca/recall.c \
	ca/recover.c \
	ca/recover_ask.c \
	ca/recover_tell.c \
	ca/control.c \
	ca/control_fleet.c \
	ca/control_json.c \
	ca/control_look.c \
	ca/control_pace.c \
	ca/control_node.c \
	ca/control_roll.c \
	ca/control_topology.c \
	ca/control_unsafe.c \
	ca/core.c \
	ca/deliver.c \
	ca/dial.c \
	ca/doctor.c \
	ca/doctor_host.c \
	ca/doctor_node.c \
	ca/draft.c \
	ca/epoch.c \
	ca/excuses.c \
	ca/events.c \
	ca/fleet.c \
	ca/forget.c \
	ca/health.c \
	ca/holding.c \
	ca/identity.c \
	ca/issue.c \
	ca/join.c \
	ca/keyless.c \
	ca/make.c \
	ca/metrics.c \
	ca/net.c \
	ca/reissue.c \
	ca/renew.c \
	ca/refused.c \
	ca/report.c \
	ca/resign.c \
	ca/roll.c \
	ca/roll_goal.c \
	ca/roll_start.c \
	ca/root_end.c \
	ca/roll_nodes.c \
	ca/roll_report.c \
	ca/schedule.c \
	ca/control_trigger.c \
	ca/roll_steer.c \
	ca/control_steer.c \
	ca/cmd_steer.c \
	ca/send.c \
	ca/show.c \
	ca/self.c \
	ca/stock.c \
	ca/store_sqlite.c \
	ca/store_sqlite_audit.c \
	ca/store_sqlite_fleet.c \
	ca/store_sqlite_gone.c \
	ca/store_sqlite_leaf.c \
	ca/store_sqlite_link.c \
	ca/store_sqlite_roll.c \
	ca/store_sqlite_rolls.c \
	ca/store_sqlite_schema.c \
	ca/store_sqlite_sums.c \
	ca/store_sqlite_stock.c \
	ca/tidy.c \
	ca/token.c \
	ca/topo.c \
	ca/unsafe.c \
	ca/waits.c
ca_LIBS := $(EVENT_LIBS) $(CRYPTO_LIBS) -ljansson -lsqlite3 -lsmartcols $(conf_LIBS)
