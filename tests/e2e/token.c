/*
 * token MODULE LABEL <PIN: initialises the first free slot of a SoftHSM
 * directory ($SOFTHSM2_CONF) for the demo. softhsm2-util takes a PIN from a
 * terminal or from its command line only; here it comes by standard input.
 */
#include <dlfcn.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include <p11-kit/pkcs11.h>

#define LABEL_LEN 32 /* PKCS#11: padded by blanks, no NUL */
#define PIN_MAX	  255

static bool
said_no(const char *what, CK_RV rv)
{
	if (rv != CKR_OK)
		fprintf(stderr, "token: %s: 0x%lx\n", what, (unsigned long)rv);
	return rv != CKR_OK;
}

/* The user's PIN of the new token is the same. */
static int
init(CK_FUNCTION_LIST *f, CK_SLOT_ID slot, const char *label, char *pin,
    CK_ULONG n)
{
	unsigned char name[LABEL_LEN], *p = (unsigned char *)pin;
	CK_SESSION_HANDLE s;

	memset(name, ' ', sizeof(name));
	memcpy(name, label, strnlen(label, sizeof(name)));
	if (said_no("C_InitToken", f->C_InitToken(slot, p, n, name)) ||
	    said_no("C_OpenSession",
		f->C_OpenSession(slot, CKF_SERIAL_SESSION | CKF_RW_SESSION,
		    NULL, NULL, &s)) ||
	    said_no("C_Login", f->C_Login(s, CKU_SO, p, n)) ||
	    said_no("C_InitPIN", f->C_InitPIN(s, p, n)))
		return 1;
	return 0;
}

int
main(int argc, char **argv)
{
	CK_RV (*list)(CK_FUNCTION_LIST **);
	CK_FUNCTION_LIST *f;
	CK_SLOT_ID slots[8];
	CK_ULONG n = 8;
	char pin[PIN_MAX + 2];
	void *module;
	int r;

	if (argc != 3 || fgets(pin, sizeof(pin), stdin) == NULL) {
		fprintf(stderr, "usage: token MODULE LABEL <PIN\n");
		return 2;
	}
	pin[strcspn(pin, "\n")] = '\0';
	module = dlopen(argv[1], RTLD_NOW);
	if (module == NULL) {
		fprintf(stderr, "token: %s\n", dlerror());
		return 1;
	}
	*(void **)&list = dlsym(module, "C_GetFunctionList");
	if (list == NULL || said_no("C_GetFunctionList", list(&f)) ||
	    said_no("C_Initialize", f->C_Initialize(NULL)) ||
	    said_no("C_GetSlotList", f->C_GetSlotList(CK_TRUE, slots, &n)) ||
	    n == 0)
		return 1;
	r = init(f, slots[n - 1], argv[2], pin, strlen(pin));
	explicit_bzero(pin, sizeof(pin));
	f->C_Finalize(NULL);
	return r;
}
