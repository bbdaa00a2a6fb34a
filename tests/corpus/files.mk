# Verification cases of others; run as a unit test of its own name.
UNITS += corpus
unit_corpus_SRC := tests/corpus/limbo.c
unit_corpus_USES := wire base
unit_corpus_LIBS := $(CRYPTO_LIBS) -ljansson
