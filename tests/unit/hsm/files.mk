UNITS += hsm
unit_hsm_SRC := tests/unit/hsm/main.c tests/unit/hsm/softhsm.c \
                tests/unit/hsm/world.c tests/unit/hsm/test_certs.c \
                tests/unit/hsm/test_nodes.c tests/unit/hsm/test_orders.c \
                tests/unit/hsm/test_ks_worker.c
unit_hsm_USES := hsm wire base
unit_hsm_LIBS := $(hsm_LIBS) $(EVENT_LIBS)
# the tests start workers, which are this program
unit-run-hsm: $(B)/bin/kedge-hsmd
