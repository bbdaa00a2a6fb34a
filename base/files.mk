# Sources of base/, one idea each; main programs are named in the Makefile.
base_SRC :=
