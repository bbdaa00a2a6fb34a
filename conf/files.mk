# Sources of conf/, one idea each; main programs are named in the Makefile.
conf_SRC := conf/conf.c conf/scan.c conf/value.c
conf_LIBS := -lconfig
