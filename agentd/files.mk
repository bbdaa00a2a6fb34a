# Sources of agentd/, one idea each; main programs are named in the Makefile.
agentd_SRC := agentd/config.c agentd/bundle.c \
              agentd/manifest.c agentd/state.c agentd/store.c agentd/store_key.c agentd/order.c agentd/proc.c agentd/pids.c \
              agentd/probe.c agentd/probe_server.c agentd/probe_client.c \
              agentd/holdings.c agentd/render.c agentd/live.c agentd/self.c \
              agentd/spool.c agentd/relay.c agentd/rekey.c agentd/report.c agentd/stock.c \
              agentd/job.c agentd/work.c \
              agentd/net.c agentd/dial.c agentd/listen.c agentd/guests.c agentd/porch.c \
              agentd/join.c agentd/knock.c agentd/courier.c agentd/agent.c
agentd_LIBS := $(EVENT_LIBS) $(CRYPTO_LIBS) $(conf_LIBS)
