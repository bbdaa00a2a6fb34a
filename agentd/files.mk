# Sources of agentd/, one idea each; main programs are named in the Makefile.
agentd_SRC :=
agentd_LIBS := $(EVENT_LIBS) $(CRYPTO_LIBS) -lconfig
