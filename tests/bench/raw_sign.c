/*
 * raw_sign MODULE LABEL SECONDS <PIN: what the token gives: C_SignInit and
 * C_Sign (ECDSA P-256) in one thread, nothing else, with a key that is stored
 * in the token as those of kedge-hsmd are (a session key is a third faster in
 * SoftHSM). Prints signatures per second. The key is gone afterwards.
 */
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <p11-kit/pkcs11.h>

#define SLOTS 16

static void
must(const char *what, CK_RV rv)
{
	if (rv == CKR_OK)
		return;
	fprintf(stderr, "raw_sign: %s: 0x%lx\n", what, (unsigned long)rv);
	exit(1);
}

static CK_FUNCTION_LIST *
load(const char *module)
{
	void *dl = dlopen(module, RTLD_NOW), *sym;
	CK_C_GetFunctionList get = NULL;
	CK_FUNCTION_LIST *f = NULL;

	sym = dl == NULL ? NULL : dlsym(dl, "C_GetFunctionList");
	if (sym == NULL) {
		fprintf(stderr, "raw_sign: %s\n", dlerror());
		exit(1);
	}
	memcpy(&get, &sym, sizeof(get));
	must("C_GetFunctionList", get(&f));
	must("C_Initialize", f->C_Initialize(NULL));
	return f;
}

static CK_SLOT_ID
slot_of(CK_FUNCTION_LIST *f, const char *label)
{
	CK_SLOT_ID slots[SLOTS];
	CK_ULONG n = SLOTS;

	must("C_GetSlotList", f->C_GetSlotList(CK_TRUE, slots, &n));
	for (CK_ULONG i = 0; i < n; i++) {
		CK_TOKEN_INFO info;

		if (f->C_GetTokenInfo(slots[i], &info) == CKR_OK &&
		    memcmp(info.label, label, strlen(label)) == 0)
			return slots[i];
	}
	fprintf(stderr, "raw_sign: no token %s\n", label);
	exit(1);
}

static void
make_key(CK_FUNCTION_LIST *f, CK_SESSION_HANDLE s, CK_OBJECT_HANDLE pair[2])
{
	static CK_BYTE p256[] = { 0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d,
		0x03, 0x01, 0x07 };
	static CK_BBOOL yes = CK_TRUE;
	CK_MECHANISM mech = { CKM_EC_KEY_PAIR_GEN, NULL, 0 };
	CK_ATTRIBUTE pub[] = { { CKA_EC_PARAMS, p256, sizeof(p256) },
		{ CKA_TOKEN, &yes, sizeof(yes) } };
	CK_ATTRIBUTE priv[] = { { CKA_TOKEN, &yes, sizeof(yes) },
		{ CKA_SENSITIVE, &yes, sizeof(yes) },
		{ CKA_SIGN, &yes, sizeof(yes) } };

	must("C_GenerateKeyPair",
	    f->C_GenerateKeyPair(s, &mech, pub, 2, priv, 3, &pair[0],
		&pair[1]));
}

static double
now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

int
main(int argc, char **argv)
{
	CK_MECHANISM mech = { CKM_ECDSA, NULL, 0 };
	CK_BYTE digest[32] = { 1 }, sig[128], pin[256];
	CK_SESSION_HANDLE s;
	CK_OBJECT_HANDLE pair[2];
	CK_FUNCTION_LIST *f;
	CK_SLOT_ID slot;
	double start, seconds;
	long n = 0;

	if (argc != 4)
		return 2;
	seconds = strtod(argv[3], NULL);
	f = load(argv[1]);
	slot = slot_of(f, argv[2]);
	must("C_OpenSession",
	    f->C_OpenSession(slot, CKF_SERIAL_SESSION | CKF_RW_SESSION, NULL,
		NULL, &s));
	must("C_Login",
	    f->C_Login(s, CKU_USER, pin, fread(pin, 1, sizeof(pin), stdin)));
	make_key(f, s, pair);
	for (start = now(); now() - start < seconds; n++) {
		CK_ULONG len = sizeof(sig);

		must("C_SignInit", f->C_SignInit(s, &mech, pair[1]));
		must("C_Sign", f->C_Sign(s, digest, 32, sig, &len));
	}
	printf("%.0f\n", (double)n / (now() - start));
	must("C_DestroyObject", f->C_DestroyObject(s, pair[0]));
	must("C_DestroyObject", f->C_DestroyObject(s, pair[1]));
	return 0;
}
