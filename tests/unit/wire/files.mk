UNITS += wire
unit_wire_SRC := \
	tests/unit/wire/fleet.c \
	tests/unit/wire/main.c \
	tests/unit/wire/odd.c \
	tests/unit/wire/test_csr.c \
	tests/unit/wire/test_key.c \
	tests/unit/wire/test_name.c \
	tests/unit/wire/test_pem.c \
	tests/unit/wire/test_root.c \
	tests/unit/wire/test_tbs.c
unit_wire_USES := wire base
unit_wire_LIBS := $(EVENT_LIBS) $(CRYPTO_LIBS)
