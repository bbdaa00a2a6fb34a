/*
 * A PKCS#11 module that is SoftHSM, but hangs or dies in one call when the
 * file named by KEDGE_TEST_HANG says so: "sign", "sign-crash", "open",
 * "generate-before", "generate-after". Once it hangs, the file is empty.
 * "sign-slow": each signature takes as long as a smart card's. For test_hsmd.c
 * and test_ks_worker.c.
 */
#include <dlfcn.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <p11-kit/pkcs11.h>

#define REAL "/usr/lib/softhsm/libsofthsm2.so"

static CK_FUNCTION_LIST *real;
static CK_FUNCTION_LIST ours;

CK_RV C_GetFunctionList(CK_FUNCTION_LIST **list);

static int
is_asked(const char *what)
{
	const char *path = getenv("KEDGE_TEST_HANG");
	char word[32] = "";
	int fd = path == NULL ? -1 : open(path, O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		return 0;
	if (read(fd, word, sizeof(word) - 1) < 0)
		word[0] = '\0';
	close(fd);
	return strcmp(word, what) == 0;
}

static void
maybe_hang(const char *what)
{
	if (!is_asked(what))
		return;
	if (truncate(getenv("KEDGE_TEST_HANG"), 0) != 0)
		raise(SIGABRT);
	for (;;)
		pause();
}

static CK_RV
hang_sign(CK_SESSION_HANDLE s, CK_BYTE *data, CK_ULONG n, CK_BYTE *sig,
    CK_ULONG *len)
{
	maybe_hang("sign");
	if (is_asked("sign-crash"))
		raise(SIGSEGV);
	if (is_asked("sign-slow"))
		usleep(10000);
	return real->C_Sign(s, data, n, sig, len);
}

static CK_RV
hang_open(CK_SLOT_ID slot, CK_FLAGS flags, void *app, CK_NOTIFY notify,
    CK_SESSION_HANDLE *s)
{
	maybe_hang("open");
	return real->C_OpenSession(slot, flags, app, notify, s);
}

static CK_RV
hang_generate(CK_SESSION_HANDLE s, CK_MECHANISM *m, CK_ATTRIBUTE *pub,
    CK_ULONG npub, CK_ATTRIBUTE *priv, CK_ULONG npriv, CK_OBJECT_HANDLE *a,
    CK_OBJECT_HANDLE *b)
{
	CK_RV rv;

	maybe_hang("generate-before");
	rv = real->C_GenerateKeyPair(s, m, pub, npub, priv, npriv, a, b);
	maybe_hang("generate-after");
	return rv;
}

CK_RV
C_GetFunctionList(CK_FUNCTION_LIST **list)
{
	void *dl = dlopen(REAL, RTLD_NOW | RTLD_LOCAL), *sym;
	CK_C_GetFunctionList get = NULL;

	if (dl == NULL || (sym = dlsym(dl, "C_GetFunctionList")) == NULL)
		return CKR_GENERAL_ERROR;
	memcpy(&get, &sym, sizeof(get));
	if (get(&real) != CKR_OK)
		return CKR_GENERAL_ERROR;
	ours = *real;
	ours.C_Sign = hang_sign;
	ours.C_OpenSession = hang_open;
	ours.C_GenerateKeyPair = hang_generate;
	*list = &ours;
	return CKR_OK;
}
