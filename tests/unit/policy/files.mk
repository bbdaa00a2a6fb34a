# Unit tests of policy/.
UNITS += policy
unit_policy_SRC := \
	tests/unit/policy/main.c \
	tests/unit/policy/fleet.c \
	tests/unit/policy/test_breach.c \
	tests/unit/policy/test_broken.c \
	tests/unit/policy/test_bundle.c \
	tests/unit/policy/test_compact_exact.c \
	tests/unit/policy/test_cycle.c \
	tests/unit/policy/test_engine_new.c \
	tests/unit/policy/test_first.c \
	tests/unit/policy/test_gate.c \
	tests/unit/policy/test_graph.c \
	tests/unit/policy/test_link.c \
	tests/unit/policy/test_offers.c \
	tests/unit/policy/test_nodeset.c \
	tests/unit/policy/test_rule.c \
	tests/unit/policy/test_plan.c \
	tests/unit/policy/test_compact.c \
	tests/unit/policy/test_shape.c \
	tests/unit/policy/test_values.c \
	tests/unit/policy/test_engine.c \
	tests/unit/policy/test_fresh.c \
	tests/unit/policy/test_explain.c \
	tests/unit/policy/test_sentences.c \
	tests/unit/policy/test_outlook.c \
	tests/unit/policy/test_ready.c \
	tests/unit/policy/test_window.c \
	tests/unit/policy/test_turns.c
unit_policy_USES := policy
# test_ready.c stands in front of what grows
unit_policy_LIBS := -Wl,--wrap=realloc
