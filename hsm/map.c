/*
 * map: see the header. Keys are digests, so their first bytes are hash
 * enough.
 */
#include <stdlib.h>
#include <string.h>

#include "hsm/map.h"

struct hsm_map_entry {
	uint8_t key[HSM_MAP_KEY];
	void *value;
	struct hsm_map_entry *next;
};

static size_t
map_slot(const uint8_t key[HSM_MAP_KEY], size_t nslots)
{
	uint64_t h;

	memcpy(&h, key, sizeof(h));
	return (size_t)(h & (nslots - 1));
}

static struct hsm_map_entry **
map_at(const struct hsm_map *m, const uint8_t key[HSM_MAP_KEY])
{
	struct hsm_map_entry **at = &m->slot[map_slot(key, m->nslots)];

	while (*at != NULL && memcmp((*at)->key, key, HSM_MAP_KEY) != 0)
		at = &(*at)->next;
	return at;
}

void *
hsm_map_get(const struct hsm_map *m, const uint8_t key[HSM_MAP_KEY])
{
	struct hsm_map_entry *e;

	if (m->nslots == 0)
		return NULL;
	e = *map_at(m, key);
	return e == NULL ? NULL : e->value;
}

static void
map_grow(struct hsm_map *m)
{
	size_t nslots = m->nslots == 0 ? 64 : m->nslots * 2;
	struct hsm_map_entry **slot =
	    base_alloc(nslots * sizeof(struct hsm_map_entry *));

	for (size_t i = 0; i < m->nslots; i++)
		while (m->slot[i] != NULL) {
			struct hsm_map_entry *e = m->slot[i];
			size_t to = map_slot(e->key, nslots);

			m->slot[i] = e->next;
			e->next = slot[to];
			slot[to] = e;
		}
	free(m->slot);
	m->slot = slot;
	m->nslots = nslots;
}

void
hsm_map_put(struct hsm_map *m, const uint8_t key[HSM_MAP_KEY], void *value)
{
	struct hsm_map_entry **at, *e;

	if (m->n >= m->nslots)
		map_grow(m);
	at = map_at(m, key);
	if (*at != NULL) {
		(*at)->value = value;
		return;
	}
	e = base_alloc(sizeof(*e));
	memcpy(e->key, key, HSM_MAP_KEY);
	e->value = value;
	*at = e;
	m->n++;
}

void
hsm_map_remove(struct hsm_map *m, const uint8_t key[HSM_MAP_KEY])
{
	struct hsm_map_entry **at, *e;

	if (m->nslots == 0 || *(at = map_at(m, key)) == NULL)
		return;
	e = *at;
	*at = e->next;
	free(e);
	m->n--;
}

void
hsm_map_each(const struct hsm_map *m, void (*f)(void *arg, void *value),
    void *arg)
{
	for (size_t i = 0; i < m->nslots; i++)
		for (struct hsm_map_entry *e = m->slot[i]; e != NULL;
		     e = e->next)
			f(arg, e->value);
}

void
hsm_map_free(struct hsm_map *m, void (*f)(void *value))
{
	for (size_t i = 0; i < m->nslots; i++)
		while (m->slot[i] != NULL) {
			struct hsm_map_entry *e = m->slot[i];

			m->slot[i] = e->next;
			if (f != NULL)
				f(e->value);
			free(e);
		}
	free(m->slot);
	memset(m, 0, sizeof(*m));
}
