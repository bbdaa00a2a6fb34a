/*
 * token_raw: raw PKCS#11 calls, see the header. Called by token_p11.c inside
 * a worker process.
 */
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <p11-kit/pkcs11.h>

#include "hsm/token_raw.h"

struct hsm_raw {
	void *dl;
	CK_FUNCTION_LIST *f;
	CK_SLOT_ID slot;
	CK_SESSION_HANDLE session;
	bool open;
};

static const char *
raw_name(CK_RV rv)
{
	static const struct {
		CK_RV rv;
		const char *name;
	} names[] = {
		{ CKR_HOST_MEMORY, "CKR_HOST_MEMORY" },
		{ CKR_GENERAL_ERROR, "CKR_GENERAL_ERROR" },
		{ CKR_FUNCTION_FAILED, "CKR_FUNCTION_FAILED" },
		{ CKR_ATTRIBUTE_TYPE_INVALID, "CKR_ATTRIBUTE_TYPE_INVALID" },
		{ CKR_ATTRIBUTE_VALUE_INVALID, "CKR_ATTRIBUTE_VALUE_INVALID" },
		{ CKR_DEVICE_ERROR, "CKR_DEVICE_ERROR" },
		{ CKR_DEVICE_MEMORY, "CKR_DEVICE_MEMORY" },
		{ CKR_DEVICE_REMOVED, "CKR_DEVICE_REMOVED" },
		{ CKR_FUNCTION_NOT_SUPPORTED, "CKR_FUNCTION_NOT_SUPPORTED" },
		{ CKR_MECHANISM_INVALID, "CKR_MECHANISM_INVALID" },
		{ CKR_PIN_INCORRECT, "CKR_PIN_INCORRECT" },
		{ CKR_PIN_INVALID, "CKR_PIN_INVALID" },
		{ CKR_PIN_LEN_RANGE, "CKR_PIN_LEN_RANGE" },
		{ CKR_PIN_EXPIRED, "CKR_PIN_EXPIRED" },
		{ CKR_PIN_LOCKED, "CKR_PIN_LOCKED" },
		{ CKR_SESSION_COUNT, "CKR_SESSION_COUNT" },
		{ CKR_SESSION_HANDLE_INVALID, "CKR_SESSION_HANDLE_INVALID" },
		{ CKR_TEMPLATE_INCONSISTENT, "CKR_TEMPLATE_INCONSISTENT" },
		{ CKR_TOKEN_NOT_PRESENT, "CKR_TOKEN_NOT_PRESENT" },
		{ CKR_TOKEN_NOT_RECOGNIZED, "CKR_TOKEN_NOT_RECOGNIZED" },
		{ CKR_TOKEN_WRITE_PROTECTED, "CKR_TOKEN_WRITE_PROTECTED" },
		{ CKR_USER_NOT_LOGGED_IN, "CKR_USER_NOT_LOGGED_IN" },
		{ CKR_USER_PIN_NOT_INITIALIZED,
		    "CKR_USER_PIN_NOT_INITIALIZED" },
		{ CKR_CRYPTOKI_NOT_INITIALIZED,
		    "CKR_CRYPTOKI_NOT_INITIALIZED" },
	};
	static char other[32];

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (names[i].rv == rv)
			return names[i].name;
	snprintf(other, sizeof(other), "CKR 0x%lx", rv);
	return other;
}

static enum base_err
raw_fail(const char *call, CK_RV rv)
{
	return base_fail(BASE_E_IO, "token: %s answered %s", call,
	    raw_name(rv));
}

enum base_err
hsm_raw_open(const char *module, unsigned long slot, struct hsm_raw **out)
{
	struct hsm_raw *r = base_alloc(sizeof(*r));
	CK_C_GetFunctionList get = NULL;
	void *sym;
	CK_RV rv = CKR_OK;
	enum base_err e;

	r->slot = slot;
	r->dl = dlopen(module, RTLD_NOW | RTLD_LOCAL);
	if (r->dl == NULL ||
	    (sym = dlsym(r->dl, "C_GetFunctionList")) == NULL) {
		e = base_fail(BASE_E_IO, "%s: %s", module, dlerror());
		goto out;
	}
	memcpy(&get, &sym, sizeof(get)); /* POSIX's way around ISO C */
	if ((rv = get(&r->f)) != CKR_OK) {
		e = raw_fail("C_GetFunctionList", rv);
		goto out;
	}
	rv = r->f->C_OpenSession(slot, CKF_SERIAL_SESSION | CKF_RW_SESSION,
	    NULL, NULL, &r->session);
	if (rv != CKR_OK) {
		e = raw_fail("C_OpenSession", rv);
		goto out;
	}
	r->open = true;
	*out = r;
	r = NULL;
	e = BASE_OK;
out:
	hsm_raw_close(r);
	return e;
}

/* Trying a PIN on a token that counts may cost the token. */
static enum base_err
raw_flags(CK_FLAGS flags)
{
	static const struct {
		CK_FLAGS flag;
		const char *what;
	} bad[] = {
		{ CKF_USER_PIN_LOCKED,
		    "the user PIN is locked; unlock it with the SO PIN" },
		{ CKF_USER_PIN_FINAL_TRY,
		    "one wrong PIN more locks it; log in once by hand with "
		    "the right PIN, then restart" },
		{ CKF_USER_PIN_COUNT_LOW,
		    "a wrong PIN was tried before; log in once by hand with "
		    "the right PIN, then restart" },
		{ CKF_USER_PIN_TO_BE_CHANGED,
		    "the user PIN must be changed before use" },
	};

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		if (flags & bad[i].flag)
			return base_fail(BASE_E_DENIED,
			    "token: login not tried: %s", bad[i].what);
	if (!(flags & CKF_USER_PIN_INITIALIZED))
		return base_fail(BASE_E_DENIED,
		    "token: login not tried: no user PIN was ever set");
	return BASE_OK;
}

enum base_err
hsm_raw_login(struct hsm_raw *r, struct base_span pin)
{
	CK_TOKEN_INFO info;
	CK_RV rv = r->f->C_GetTokenInfo(r->slot, &info);
	enum base_err e;

	if (rv != CKR_OK)
		return raw_fail("C_GetTokenInfo", rv);
	if (!(info.flags & CKF_LOGIN_REQUIRED))
		return BASE_OK;
	if ((e = raw_flags(info.flags)) != BASE_OK)
		return e;
	if (info.flags & CKF_PROTECTED_AUTHENTICATION_PATH)
		rv = r->f->C_Login(r->session, CKU_USER, NULL, 0);
	else {
		/* PKCS#11 knows no const; no module writes to a PIN */
		CK_UTF8CHAR *p = NULL;

		memcpy(&p, &pin.p, sizeof(p));
		rv = r->f->C_Login(r->session, CKU_USER, p, pin.n);
	}
	switch (rv) {
	case CKR_OK:
	case CKR_USER_ALREADY_LOGGED_IN:
		return BASE_OK;
	case CKR_PIN_INCORRECT:
	case CKR_PIN_INVALID:
	case CKR_PIN_LEN_RANGE:
	case CKR_PIN_EXPIRED:
	case CKR_PIN_LOCKED:
		return base_fail(BASE_E_DENIED,
		    "token: the PIN was refused (%s); it is not tried again "
		    "before kedge-hsmd is restarted with the right one",
		    raw_name(rv));
	default:
		return raw_fail("C_Login", rv);
	}
}

static enum base_err
raw_find(struct hsm_raw *r, const uint8_t id[HSM_ID], CK_OBJECT_CLASS *class,
    CK_OBJECT_HANDLE *out, size_t *n)
{
	uint8_t copy[HSM_ID];
	CK_ATTRIBUTE t[2] = {
		{ CKA_ID, copy, HSM_ID },
		{ CKA_CLASS, class, sizeof(*class) },
	};
	CK_ULONG got = 0;
	CK_RV rv;

	memcpy(copy, id, HSM_ID);
	rv = r->f->C_FindObjectsInit(r->session, t, class == NULL ? 1 : 2);
	if (rv != CKR_OK)
		return raw_fail("C_FindObjectsInit", rv);
	rv = r->f->C_FindObjects(r->session, out, *n, &got);
	(void)r->f->C_FindObjectsFinal(r->session);
	if (rv != CKR_OK)
		return raw_fail("C_FindObjects", rv);
	*n = got;
	return BASE_OK;
}

/* What a token says about a key: attribute, the value it must have, and
 * whether a token may be silent about it. */
static const struct {
	CK_ATTRIBUTE_TYPE type;
	const char *name;
	CK_BBOOL want;
	bool silent;
} raw_private[] = {
	{ CKA_TOKEN, "CKA_TOKEN", CK_TRUE, false },
	{ CKA_PRIVATE, "CKA_PRIVATE", CK_TRUE, false },
	{ CKA_SENSITIVE, "CKA_SENSITIVE", CK_TRUE, false },
	{ CKA_EXTRACTABLE, "CKA_EXTRACTABLE", CK_FALSE, false },
	{ CKA_ALWAYS_SENSITIVE, "CKA_ALWAYS_SENSITIVE", CK_TRUE, false },
	{ CKA_NEVER_EXTRACTABLE, "CKA_NEVER_EXTRACTABLE", CK_TRUE, false },
	{ CKA_LOCAL, "CKA_LOCAL", CK_TRUE, false },
	{ CKA_SIGN, "CKA_SIGN", CK_TRUE, false },
	{ CKA_DECRYPT, "CKA_DECRYPT", CK_FALSE, true },
	{ CKA_UNWRAP, "CKA_UNWRAP", CK_FALSE, true },
	{ CKA_DERIVE, "CKA_DERIVE", CK_FALSE, true },
};

static enum base_err
raw_attributes(struct hsm_raw *r, CK_OBJECT_HANDLE h)
{
	for (size_t i = 0; i < sizeof(raw_private) / sizeof(raw_private[0]);
	     i++) {
		CK_BBOOL v = 0;
		CK_ATTRIBUTE t = { raw_private[i].type, &v, sizeof(v) };
		CK_RV rv = r->f->C_GetAttributeValue(r->session, h, &t, 1);

		if (rv == CKR_ATTRIBUTE_TYPE_INVALID && raw_private[i].silent)
			continue;
		if (rv != CKR_OK)
			return raw_fail("C_GetAttributeValue", rv);
		if (t.ulValueLen != sizeof(v) || v != raw_private[i].want)
			return base_fail(BASE_E_REFUSED,
			    "token: the private key has %s %s; a root key in "
			    "it would not be safe",
			    raw_private[i].name, v ? "true" : "false");
	}
	return BASE_OK;
}

enum base_err
hsm_raw_check(struct hsm_raw *r, const uint8_t id[HSM_ID])
{
	CK_OBJECT_CLASS class = CKO_PRIVATE_KEY;
	CK_OBJECT_HANDLE h[2] = { 0 };
	size_t n = 2;
	enum base_err e = raw_find(r, id, &class, h, &n);

	if (e != BASE_OK)
		return e;
	if (n == 0)
		return base_fail(BASE_E_NOTFOUND,
		    "token: no private key with this CKA_ID");
	if (n > 1)
		return base_fail(BASE_E_REFUSED,
		    "token: several private keys with one CKA_ID; remove the "
		    "one that does not belong there");
	return raw_attributes(r, h[0]);
}

/* DER of the named curve's OID */
static const uint8_t raw_p256[] = { 0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d,
	0x03, 0x01, 0x07 };
static const uint8_t raw_p384[] = { 0x06, 0x05, 0x2b, 0x81, 0x04, 0x00, 0x22 };

/* CK_ATTRIBUTE has no const pointer; modules only read a template. */
static CK_ATTRIBUTE
raw_attr(CK_ATTRIBUTE_TYPE type, const void *p, size_t n)
{
	CK_ATTRIBUTE a = { type, NULL, n };

	memcpy(&a.pValue, &p, sizeof(p));
	return a;
}

static CK_ATTRIBUTE
raw_bool(CK_ATTRIBUTE_TYPE type, bool v)
{
	static const CK_BBOOL yes = CK_TRUE, no = CK_FALSE;

	return raw_attr(type, v ? &yes : &no, sizeof(yes));
}

/* Public template's part that says which key; returns its length. */
static size_t
raw_params(enum wire_alg alg, const CK_ULONG *bits, CK_ATTRIBUTE t[2])
{
	static const uint8_t exponent[] = { 0x01, 0x00, 0x01 };

	if (alg == WIRE_P256 || alg == WIRE_P384) {
		t[0] = alg == WIRE_P256
		    ? raw_attr(CKA_EC_PARAMS, raw_p256, sizeof(raw_p256))
		    : raw_attr(CKA_EC_PARAMS, raw_p384, sizeof(raw_p384));
		return 1;
	}
	t[0] = raw_attr(CKA_MODULUS_BITS, bits, sizeof(*bits));
	t[1] = raw_attr(CKA_PUBLIC_EXPONENT, exponent, sizeof(exponent));
	return 2;
}

enum base_err
hsm_raw_generate(struct hsm_raw *r, const uint8_t id[HSM_ID], enum wire_alg alg,
    const char *label)
{
	bool ec = alg == WIRE_P256 || alg == WIRE_P384;
	CK_ULONG bits = alg == WIRE_RSA4096 ? 4096 : 3072;
	CK_MECHANISM mech = { ec ? CKM_EC_KEY_PAIR_GEN
				 : CKM_RSA_PKCS_KEY_PAIR_GEN,
		NULL, 0 };
	CK_ATTRIBUTE pub[8] = {
		raw_bool(CKA_TOKEN, true),
		raw_bool(CKA_PRIVATE, false),
		raw_bool(CKA_VERIFY, true),
		raw_attr(CKA_ID, id, HSM_ID),
		raw_attr(CKA_LABEL, label, strlen(label)),
	};
	CK_ATTRIBUTE priv[] = {
		raw_bool(CKA_TOKEN, true),
		raw_bool(CKA_PRIVATE, true),
		raw_bool(CKA_SENSITIVE, true),
		raw_bool(CKA_EXTRACTABLE, false),
		raw_bool(CKA_SIGN, true),
		raw_bool(CKA_DECRYPT, false),
		raw_bool(CKA_UNWRAP, false),
		raw_bool(CKA_DERIVE, false),
		raw_attr(CKA_ID, id, HSM_ID),
		raw_attr(CKA_LABEL, label, strlen(label)),
	};
	size_t npub = 5 + raw_params(alg, &bits, pub + 5), n;
	CK_OBJECT_HANDLE hpub, hpriv;
	enum base_err e;
	CK_RV rv = r->f->C_GenerateKeyPair(r->session, &mech, pub, npub, priv,
	    sizeof(priv) / sizeof(priv[0]), &hpub, &hpriv);

	if (rv != CKR_OK)
		return raw_fail("C_GenerateKeyPair", rv);
	e = hsm_raw_check(r, id);
	if (e != BASE_OK) {
		char *why = base_strdup(base_why());

		if (hsm_raw_destroy(r, id, &n) != BASE_OK)
			base_log(BASE_WARNING, "token: %s", base_why());
		e = base_fail(e, "%s", why);
		free(why);
	}
	return e;
}

enum base_err
hsm_raw_destroy(struct hsm_raw *r, const uint8_t id[HSM_ID], size_t *n)
{
	CK_OBJECT_HANDLE h[16];
	size_t found;
	enum base_err e;

	*n = 0;
	do {
		found = sizeof(h) / sizeof(h[0]);
		if ((e = raw_find(r, id, NULL, h, &found)) != BASE_OK)
			return e;
		for (size_t i = 0; i < found; i++) {
			CK_RV rv = r->f->C_DestroyObject(r->session, h[i]);

			if (rv != CKR_OK)
				return raw_fail("C_DestroyObject", rv);
		}
		*n += found;
	} while (found > 0);
	return BASE_OK;
}

void
hsm_raw_close(struct hsm_raw *r)
{
	if (r == NULL)
		return;
	if (r->open)
		(void)r->f->C_CloseSession(r->session);
	/* The module itself is libp11's to unload. */
	if (r->dl != NULL)
		dlclose(r->dl);
	free(r);
}
