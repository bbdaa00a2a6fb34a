# Sources of ca/, one idea each; main programs are named in the Makefile.
ca_SRC := \
	ca/cli.c \
	ca/cli_table.c
ca_LIBS := $(EVENT_LIBS) $(CRYPTO_LIBS) -lconfig -ljansson -lsqlite3 -lsmartcols
