UNITS += wire
unit_wire_SRC := \
	tests/unit/wire/fleet.c \
	tests/unit/wire/main.c \
	tests/unit/wire/net_rig.c \
	tests/unit/wire/odd.c \
	tests/unit/wire/sample.c \
	tests/unit/wire/test_ack.c \
	tests/unit/wire/test_addr.c \
	tests/unit/wire/test_asn1.c \
	tests/unit/wire/test_ber.c \
	tests/unit/wire/test_client.c \
	tests/unit/wire/test_cms.c \
	tests/unit/wire/test_crl.c \
	tests/unit/wire/test_csr.c \
	tests/unit/wire/test_der.c \
	tests/unit/wire/test_digest.c \
	tests/unit/wire/test_exchange.c \
	tests/unit/wire/test_general.c \
	tests/unit/wire/test_hello.c \
	tests/unit/wire/test_hsm_conn.c \
	tests/unit/wire/test_hsm_msg.c \
	tests/unit/wire/test_hsm_told.c \
	tests/unit/wire/test_http.c \
	tests/unit/wire/test_inventory.c \
	tests/unit/wire/test_invite.c \
	tests/unit/wire/test_join.c \
	tests/unit/wire/test_key.c \
	tests/unit/wire/test_loop.c \
	tests/unit/wire/test_name.c \
	tests/unit/wire/test_node.c \
	tests/unit/wire/test_order.c \
	tests/unit/wire/test_pages.c \
	tests/unit/wire/test_path.c \
	tests/unit/wire/test_pem.c \
	tests/unit/wire/test_pkix.c \
	tests/unit/wire/test_profile.c \
	tests/unit/wire/test_purpose.c \
	tests/unit/wire/test_rekey.c \
	tests/unit/wire/test_report.c \
	tests/unit/wire/test_root.c \
	tests/unit/wire/test_seal.c \
	tests/unit/wire/test_server.c \
	tests/unit/wire/test_server_conn.c \
	tests/unit/wire/test_spki.c \
	tests/unit/wire/test_stock.c \
	tests/unit/wire/test_tbs.c \
	tests/unit/wire/test_tbs_ext.c \
	tests/unit/wire/test_tls.c \
	tests/unit/wire/test_token.c \
	tests/unit/wire/test_verify.c
unit_wire_USES := wire base
unit_wire_LIBS := $(EVENT_LIBS) $(CRYPTO_LIBS)
