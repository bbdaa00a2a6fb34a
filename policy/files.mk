# Sources of policy/, one idea each; main programs are named in the Makefile.
policy_SRC :=
