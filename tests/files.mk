# Unit test programs, one per folder; each folder's file sets unit_F_SRC,
# unit_F_USES (libraries, top first) and unit_F_LIBS.
UNITS :=
-include $(wildcard tests/unit/*/files.mk)
include tests/corpus/files.mk
include tests/fuzz/files.mk
