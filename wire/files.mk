# Sources of wire/, one idea each; main programs are named in the Makefile.
wire_SRC := \
	wire/csr.c \
	wire/der.c \
	wire/hsm_msg.c \
	wire/key.c \
	wire/name.c \
	wire/pem.c \
	wire/spki.c \
	wire/tbs.c \
	wire/tbs_ext.c
