# Sources of wire/, one idea each; main programs are named in the Makefile.
wire_SRC := \
	wire/ack.c \
	wire/addr.c \
	wire/asn1.c \
	wire/ber.c \
	wire/client.c \
	wire/cms.c \
	wire/crl.c \
	wire/csr.c \
	wire/der.c \
	wire/digest.c \
	wire/exchange.c \
	wire/general.c \
	wire/hello.c \
	wire/hsm_conn.c \
	wire/hsm_msg.c wire/hsm_told.c \
	wire/http.c \
	wire/inventory.c \
	wire/invite.c \
	wire/join.c \
	wire/key.c \
	wire/loop.c \
	wire/name.c \
	wire/node.c \
	wire/order.c \
	wire/path.c \
	wire/pem.c \
	wire/pkix.c \
	wire/profile.c \
	wire/purpose.c \
	wire/rekey.c \
	wire/report.c \
	wire/root.c \
	wire/pages.c \
	wire/seal.c \
	wire/server.c \
	wire/server_conn.c \
	wire/spki.c \
	wire/stock.c \
	wire/tbs.c \
	wire/tbs_ext.c \
	wire/tls.c \
	wire/token.c \
	wire/verify.c
