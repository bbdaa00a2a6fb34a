# handpki.sh: certificates made by hand with openssl, for the control run
# (make demo-naive) and for the test of the applications alone. Nothing here
# is used by a roll of kedge. Sourced after fleet.sh.

# hand_root GENERATION: all generations have one name, as kedge's do.
hand_root() {
	openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes \
	    -keyout "$D/pki/root$1.key" -out "$D/pki/root$1.pem" -days 2 \
	    -subj "/O=demo/CN=plant" \
	    -addext keyUsage=critical,keyCertSign,cRLSign 2>"$D/pki/log" ||
		die "openssl: $(cat "$D/pki/log")"
}

# hand_cert NODE GENERATION KEYFILE
hand_cert() {
	cat >"$D/pki/ext" <<EXT
basicConstraints=critical,CA:FALSE
keyUsage=critical,digitalSignature
extendedKeyUsage=serverAuth,clientAuth
subjectAltName=DNS:$1
subjectKeyIdentifier=hash
authorityKeyIdentifier=keyid
EXT
	openssl req -new -key "$3" -subj "/O=demo/CN=$1" |
		openssl x509 -req -CA "$D/pki/root$2.pem" \
		    -CAkey "$D/pki/root$2.key" -days 1 \
		    -extfile "$D/pki/ext" -out "$D/pki/$1.$2.pem" \
		    2>"$D/pki/log" || die "openssl: $(cat "$D/pki/log")"
}

# hand_put FILE SOURCE...: one atomic swap, as the agent does it
hand_put() {
	dest=$1
	shift
	cat "$@" >"$dest.new" && mv "$dest.new" "$dest"
}

# hand_trust NODE GENERATION...: newest first
hand_trust() {
	node=$1
	shift
	set -- $(printf "$D/pki/root%s.pem " "$@")
	hand_put "$D/$node/files/trust.pem" "$@"
}

# hand_present NODE GENERATION: nothing when it has no certificate
hand_present() {
	[ ! -f "$D/pki/$1.$2.pem" ] ||
		hand_put "$D/$1/files/chain.pem" "$D/pki/$1.$2.pem"
}

# hand_node NODE: first installation under generation 1
hand_node() {
	mkdir -p "$D/$1/files"
	(umask 077 && openssl ecparam -genkey -name prime256v1 -noout \
	    -out "$D/$1/files/key.pem")
	hand_cert "$1" 1 "$D/$1/files/key.pem"
	hand_trust "$1" 1
	hand_present "$1" 1
}

# hand_fleet: all nodes under generation 1, applications running
hand_fleet() {
	hand_root 1
	for n in $NODES; do
		hand_node "$n"
	done
	fleet_apps_start
}
