# Sources of policy/, one idea each; main programs are named in the Makefile.
policy_SRC := \
	policy/graph.c \
	policy/rule.c \
	policy/shape.c \
	policy/cycle.c \
	policy/bundle.c \
	policy/compact.c \
	policy/compact_exact.c \
	policy/plan.c \
	policy/nodeset.c \
	policy/offers.c \
	policy/values.c \
	policy/engine_new.c \
	policy/engine.c \
	policy/window.c \
	policy/breach.c \
	policy/fresh.c \
	policy/gate.c \
	policy/first.c \
	policy/ready.c \
	policy/link.c \
	policy/outlook.c \
	policy/explain.c
