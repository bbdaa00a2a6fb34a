# Sources of base/, one idea each; main programs are named in the Makefile.
base_SRC := base/err.c base/log.c base/mem.c base/clock.c base/time.c base/buf.c \
            base/text.c base/file.c base/process.c \
            base/version.c
base_CFLAGS := -DKEDGE_VERSION='"$(VERSION)"'
