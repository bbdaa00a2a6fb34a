# Sources of wire/, one idea each; main programs are named in the Makefile.
wire_SRC := \
	wire/hsm_msg.c
