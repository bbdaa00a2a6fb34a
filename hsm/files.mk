# Sources of hsm/, one idea each; main programs are named in the Makefile.
hsm_SRC := hsm/signer.c hsm/ks_mem.c hsm/p11_uri.c hsm/token_raw.c \
           hsm/token_p11.c hsm/pin.c hsm/backup.c hsm/worker_io.c \
           hsm/worker.c hsm/ks_worker.c hsm/map.c hsm/journal.c \
           hsm/record.c hsm/state.c hsm/config.c hsm/core.c hsm/profile.c \
           hsm/req_keys.c hsm/req_certs.c hsm/req_orders.c hsm/req_nodes.c \
           hsm/holds.c hsm/judge.c hsm/req_proofs.c hsm/req_recall.c hsm/rekey.c \
           hsm/approve.c hsm/stolen.c hsm/server.c
hsm_CFLAGS := $(shell pkg-config --cflags libp11 p11-kit-1)
hsm_LIBS := -lp11 $(CRYPTO_LIBS) -ldl $(conf_LIBS)
