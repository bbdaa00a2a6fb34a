UNITS += wire
unit_wire_SRC := \
	tests/unit/wire/fleet.c \
	tests/unit/wire/main.c \
	tests/unit/wire/test_tbs.c
unit_wire_USES := wire base
unit_wire_LIBS := $(EVENT_LIBS) $(CRYPTO_LIBS)
