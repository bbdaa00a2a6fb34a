# Sources of hsm/, one idea each; main programs are named in the Makefile.
hsm_SRC := hsm/signer.c hsm/ks_mem.c hsm/p11_uri.c hsm/token_raw.c \
           hsm/token_p11.c hsm/pin.c hsm/backup.c hsm/worker_io.c \
           hsm/worker.c hsm/ks_worker.c
hsm_CFLAGS := $(shell pkg-config --cflags libp11 p11-kit-1)
hsm_LIBS := -lp11 $(CRYPTO_LIBS) -lconfig -ldl
