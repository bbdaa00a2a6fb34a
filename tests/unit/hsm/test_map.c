/* hsm/map: what is put under a key is found, removed, and not found. */
#include <string.h>

#include "hsm/map.h"
#include "tests/unit/hsm/suites.h"

START_TEST(map_holds_many)
{
	struct hsm_map m = { 0 };
	uint8_t key[HSM_MAP_KEY] = { 0 };
	static int value[1000];

	ck_assert_ptr_null(hsm_map_get(&m, key));
	hsm_map_remove(&m, key);
	for (int i = 0; i < 1000; i++) {
		/* the same slot for many: only later bytes differ */
		memcpy(key + (i % 2 == 0 ? 0 : 20), &i, sizeof(i));
		hsm_map_put(&m, key, &value[i]);
		ck_assert_ptr_eq(hsm_map_get(&m, key), &value[i]);
		memset(key, 0, sizeof(key));
	}
	ck_assert_uint_eq(m.n, 1000);
	for (int i = 0; i < 1000; i++) {
		memcpy(key + (i % 2 == 0 ? 0 : 20), &i, sizeof(i));
		ck_assert_ptr_eq(hsm_map_get(&m, key), &value[i]);
		hsm_map_remove(&m, key);
		ck_assert_ptr_null(hsm_map_get(&m, key));
		memset(key, 0, sizeof(key));
	}
	ck_assert_uint_eq(m.n, 0);
	hsm_map_free(&m, NULL);
}
END_TEST

TCase *
case_map(void)
{
	TCase *t = tcase_create("map");

	tcase_add_test(t, map_holds_many);
	return t;
}
