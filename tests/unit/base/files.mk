UNITS += base
unit_base_SRC := tests/unit/base/main.c tests/unit/base/test_err.c \
                 tests/unit/base/test_log.c tests/unit/base/test_mem.c \
                 tests/unit/base/test_time.c tests/unit/base/test_buf.c \
                 tests/unit/base/test_text.c tests/unit/base/test_file.c \
                 tests/unit/base/test_process.c
unit_base_USES := base
unit_base_LIBS :=
unit_base_SRC += tests/unit/base/test_clock.c
unit_base_SRC += tests/unit/base/test_version.c
