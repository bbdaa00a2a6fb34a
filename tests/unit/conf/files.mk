UNITS += conf
unit_conf_SRC := tests/unit/conf/main.c tests/unit/conf/test_conf.c \
                 tests/unit/conf/test_scan.c tests/unit/conf/test_value.c
unit_conf_USES := conf base
unit_conf_LIBS := $(conf_LIBS)
