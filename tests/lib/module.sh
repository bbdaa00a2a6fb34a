# module.sh: softhsm_module prints the path of SoftHSM's PKCS#11 module. Sourced
# by tests/lib/softhsm.sh and tests/e2e/kedge.sh.

softhsm_module() {
	for m in /usr/lib/softhsm/libsofthsm2.so \
	    /usr/lib/*/softhsm/libsofthsm2.so; do
		[ -e "$m" ] && echo "$m" && return 0
	done
	echo "softhsm: libsofthsm2.so is not there; apt-get install softhsm2" >&2
	return 1
}
