/*
 * A worker process on a SoftHSM token of its own: for the tests of ks_worker,
 * worker, token_p11 and token_raw.
 */
#pragma once

#include "hsm/worker.h"
#include "tests/unit/hsm/softhsm.h"

struct fix {
	struct softhsm *soft;
	struct hsm_pin *pin;
	struct hsm_worker_conf c;
	struct hsm_ks *ks;
	char *program;
};
extern struct fix f;
extern const uint8_t id1[HSM_ID], id2[HSM_ID];

void fix_open(const char *pin, const char *module);
void fix_setup(void);
void fix_teardown(void);
pid_t worker_pid(void);
/* And waits until it is dead, though not reaped. */
void kill_worker(void);
struct hsm_key_ref make_key(const uint8_t id[HSM_ID], enum wire_alg alg,
    struct base_buf *spki);
/* Signs a few messages and checks each signature. */
enum base_err sign_some(const struct hsm_key_ref *ref);
