# Sources of hsm/, one idea each; main programs are named in the Makefile.
hsm_SRC :=
hsm_CFLAGS := $(shell pkg-config --cflags libp11 p11-kit-1)
hsm_LIBS := -lp11 $(CRYPTO_LIBS) -lconfig -ldl
