# Sources of agentd/, one idea each; main programs are named in the Makefile.
agentd_SRC := agentd/schema.c agentd/config.c agentd/bundle.c \
              agentd/manifest.c agentd/state.c agentd/store.c
agentd_LIBS := $(EVENT_LIBS) $(CRYPTO_LIBS) -lconfig
