/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "models/fscrypt/blk_crypto.h"

#include <errno.h>

/* 6.12.117: include/linux/fscrypt.h, FSCRYPT_MAX_DEVICES; a struct block_device * of x86-64. */
enum { FSCRYPT_MAX_DEVICES = 8, DEVICE_POINTER_BYTES = 8 };

/* struct blk_crypto_profile. */
struct blk_crypto_profile {
	struct blk_crypto *crypto;
	struct kernel_rwsem lock;
	struct kernel_line idle_lock; /* idle_slots_lock */
	struct blk_keyslot *slots;
	GHashTable *by_address; /* struct blk_keyslot * by its address */
	GQueue idle; /* least recently used first */
	struct sim_waitq idle_wait; /* idle_slots_wait_queue */
	uint32_t in_use, in_use_max;
};

struct blk_crypto {
	struct fscrypt *fc;
	const struct blk_crypto_ops *ops;
	void *owner;
	uint32_t devices, profiles, slots;
	struct blk_crypto_profile *profile;
	struct mempool *contexts; /* bio_crypt_ctx_pool */
	struct alloc_site *site_key, *site_devices, *site_slots;
	struct sim_histogram *wait_ns;
	uint64_t arrays_at_end; /* asked for */
	struct {
		uint64_t hits, misses, waits, evictions, evict_locks, keys_freed, not_evicted;
		uint64_t start_using;
	} count;
};

/* ---- profiles ---- */

static void profile_init(struct blk_crypto *crypto, struct blk_crypto_profile *profile)
{
	struct sim *sim = machine_sim(crypto->fc->machine);

	profile->crypto = crypto;
	kernel_rwsem_init(&profile->lock, crypto->fc->machine, crypto->ops->lock_class);
	sim_waitq_init(&profile->idle_wait, sim, "blk_crypto_profile.idle_slots_wait_queue");
	profile->idle_lock.name = "blk_crypto_profile.idle_slots_lock";
	profile->by_address = g_hash_table_new(g_int64_hash, g_int64_equal);
	profile->slots = g_new0(struct blk_keyslot, crypto->slots);
	for (uint32_t i = 0; i < crypto->slots; i++) {
		profile->slots[i].profile = profile;
		profile->slots[i].link.data = &profile->slots[i];
		g_queue_push_tail_link(&profile->idle, &profile->slots[i].link);
	}
}

struct blk_crypto *blk_crypto_new(struct fscrypt *fc, uint32_t profiles, uint32_t slots,
				  const struct blk_crypto_ops *ops, void *owner)
{
	struct blk_crypto *crypto = g_new0(struct blk_crypto, 1);
	uint64_t bytes = profiles * slots * machine_size(fc->machine, SIZE_KEYSLOT);

	crypto->fc = fc;
	crypto->ops = ops;
	crypto->owner = owner;
	crypto->devices = machine_config(fc->machine)->devices;
	crypto->profiles = profiles;
	crypto->slots = slots;
	crypto->profile = g_new0(struct blk_crypto_profile, profiles);
	for (uint32_t i = 0; i < profiles; i++)
		profile_init(crypto, &crypto->profile[i]);
	crypto->contexts = mempool_new(fc->machine, "bio_crypt_ctx",
				       (uint32_t)machine_size(fc->machine, LIMIT_BIO_CRYPT_CTXS),
				       machine_size(fc->machine, SIZE_BIO_CRYPT_CTX));
	crypto->site_key = alloc_site_of(fc->machine, "blk_crypto_key", MEMORY_KEYS);
	crypto->site_devices = alloc_site(fc->machine, "fscrypt_get_devices");
	crypto->site_slots = alloc_site_of(fc->machine, "blk_crypto_keyslot", MEMORY_KEYS);
	crypto->wait_ns = sim_histogram_new();
	kernel_charge_bytes(fc->machine, crypto->site_slots, bytes);
	fscrypt_account(fc, (int64_t)bytes);
	return crypto;
}

void blk_crypto_free(struct blk_crypto *crypto)
{
	for (uint32_t i = 0; i < crypto->profiles; i++) {
		struct blk_crypto_profile *profile = &crypto->profile[i];

		kernel_rwsem_destroy(&profile->lock);
		sim_waitq_destroy(&profile->idle_wait);
		g_hash_table_destroy(profile->by_address);
		g_free(profile->slots);
	}
	sim_histogram_free(crypto->wait_ns);
	g_free(crypto->profile);
	g_free(crypto);
}

/* ---- keyslots ---- */

static struct blk_keyslot *find_keyslot(struct kernel_task *task,
					struct blk_crypto_profile *profile, uint64_t address)
{
	kernel_run(task, COST_POOL_MAP_LOOKUP, 1);
	return g_hash_table_lookup(profile->by_address, &address);
}

/* blk_crypto_remove_slot_from_lru_list(), if nobody else has the slot. */
static struct blk_keyslot *grab(struct kernel_task *task, struct blk_keyslot *slot)
{
	struct blk_crypto_profile *profile = slot->profile;

	if (!slot->refs)
		kernel_line_touch(task, &profile->idle_lock);
	if (!slot->refs++) {
		g_queue_unlink(&profile->idle, &slot->link);
		profile->in_use++;
		profile->in_use_max = MAX(profile->in_use_max, profile->in_use);
	}
	complexity_cipher(profile->crypto->fc, slot->keyed, slot->refs);
	if (profile->crypto->ops->held_by_task)
		sim_waitq_add_waker(&profile->idle_wait, task->sim_task);
	return slot;
}

static struct blk_keyslot *find_and_grab(struct kernel_task *task,
					 struct blk_crypto_profile *profile, uint64_t address)
{
	struct blk_keyslot *slot = find_keyslot(task, profile, address);

	if (!slot)
		return NULL;
	profile->crypto->count.hits++;
	return grab(task, slot);
}

static void unhash(struct blk_keyslot *slot)
{
	if (slot->keyed)
		g_hash_table_remove(slot->profile->by_address, &slot->address);
	slot->keyed = false;
	complexity_cipher(slot->profile->crypto->fc, slot->keyed, slot->refs);
}

/* The lock is held for write. One that can't be programmed stays under its old key's address, but
 * holds that key no more (so 6.12). */
static int program(struct kernel_task *task, struct blk_crypto_profile *profile,
		   const struct fscrypt_extent_info *info, struct blk_keyslot **out)
{
	struct blk_crypto *crypto = profile->crypto;
	struct blk_keyslot *slot = profile->idle.head->data;
	int err;

	kernel_run(task, COST_POOL_SLOT, 1);
	err = crypto->ops->program(task, crypto->owner);
	slot->from = err ? NULL : info->key;
	slot->nonce = info->nonce;
	if (err) {
		sim_waitq_wake_all(&profile->idle_wait);
		return err;
	}
	crypto->count.misses++;
	unhash(slot);
	slot->keyed = true;
	slot->address = info->address;
	g_hash_table_insert(profile->by_address, &slot->address, slot);
	*out = grab(task, slot);
	return 0;
}

/* Returns with the lock held for write: with the key's slot, or with an idle one to be had. */
static struct blk_keyslot *lock_for_idle(struct kernel_task *task,
					 struct blk_crypto_profile *profile, uint64_t address)
{
	struct blk_crypto *crypto = profile->crypto;
	struct sim *sim = machine_sim(crypto->fc->machine);
	sim_ns since = 0;
	struct blk_keyslot *slot;
	bool waited = false;

	for (;;) {
		kernel_rwsem_write(task, &profile->lock);
		slot = find_and_grab(task, profile, address);
		if (slot || profile->idle.head)
			break;
		kernel_rwsem_write_unlock(task, &profile->lock);
		if (!waited)
			since = sim_now(sim);
		waited = true;
		while (!profile->idle.head)
			kernel_wait(task, &profile->idle_wait, PART_POOL_WAIT);
	}
	if (waited) {
		crypto->count.waits++;
		sim_histogram_add(crypto->wait_ns, sim_now(sim) - since);
	}
	return slot;
}

int blk_crypto_get_keyslot(struct kernel_task *task, struct blk_crypto *crypto,
			   const struct fscrypt_extent_info *info, struct keyed_cipher *cipher)
{
	struct blk_crypto_profile *profile = &crypto->profile[0];
	struct sim *sim = machine_sim(crypto->fc->machine);
	struct blk_keyslot *slot;
	int err = 0;

	sim_path_enter(sim, "blk_crypto_get_keyslot");
	kernel_rwsem_read(task, &profile->lock);
	slot = find_and_grab(task, profile, info->address);
	kernel_rwsem_read_unlock(task, &profile->lock);
	if (!slot) {
		slot = lock_for_idle(task, profile, info->address);
		if (!slot)
			err = program(task, profile, info, &slot);
		kernel_rwsem_write_unlock(task, &profile->lock);
	}
	sim_path_leave(sim);
	if (err)
		return err;
	cipher->at = slot;
	cipher->key = slot->from ? slot->from->number : 0;
	cipher->nonce = slot->nonce;
	return 0;
}

void blk_crypto_put_keyslot(struct kernel_task *task, struct keyed_cipher *cipher)
{
	struct blk_keyslot *slot = cipher->at;
	struct blk_crypto_profile *profile = slot->profile;

	if (slot->refs == 1 && task) /* atomic_dec_and_lock_irqsave() */
		kernel_line_touch(task, &profile->idle_lock);
	if (!--slot->refs) {
		profile->in_use--;
		g_queue_push_tail_link(&profile->idle, &slot->link);
		sim_waitq_wake_all(&profile->idle_wait);
	}
	complexity_cipher(profile->crypto->fc, slot->keyed, slot->refs);
	if (profile->crypto->ops->held_by_task)
		sim_waitq_remove_waker(&profile->idle_wait, task->sim_task);
}

/* __blk_crypto_evict_key(): the slot stays where it is in the idle list. */
static void evict_key(struct kernel_task *task, struct blk_crypto_profile *profile,
		      uint64_t address)
{
	struct blk_crypto *crypto = profile->crypto;
	struct blk_keyslot *slot;

	sim_path_enter(machine_sim(crypto->fc->machine), "blk_crypto_evict_key");
	kernel_rwsem_write(task, &profile->lock);
	crypto->count.evict_locks++;
	slot = find_keyslot(task, profile, address);
	if (slot) {
		g_assert(!slot->refs && "a key is freed while I/O uses it");
		crypto->count.evictions++;
		if (!crypto->ops->evict(task, crypto->owner))
			slot->from = NULL;
		unhash(slot);
	}
	kernel_rwsem_write_unlock(task, &profile->lock);
	sim_path_leave(machine_sim(crypto->fc->machine));
}

uint32_t blk_crypto_keyed_from(const struct blk_crypto *crypto, const struct master_key *key)
{
	uint32_t keyed = 0;

	for (uint32_t p = 0; p < crypto->profiles; p++)
		for (uint32_t i = 0; i < crypto->slots; i++)
			keyed += crypto->profile[p].slots[i].from == key;
	return keyed;
}

/* ---- keys ---- */

const char *blk_crypto_misfit(const struct fscrypt_variant *variant,
			      const struct machine_config *machine)
{
	if (variant->devices_list != DEVICES_ARRAY || machine->devices <= FSCRYPT_MAX_DEVICES)
		return NULL;
	return "'devices.list=array' holds eight devices (FSCRYPT_MAX_DEVICES), and the filesystem "
	       "has more";
}

/* kmalloc's caches: powers of two, and two between (6.12: mm/slab_common.c, kmalloc_info). */
static uint64_t kmalloc_bytes(uint64_t bytes)
{
	uint64_t size = 8;

	if ((bytes > 64 && bytes <= 96) || (bytes > 128 && bytes <= 192))
		return bytes <= 96 ? 96 : 192;
	while (size < bytes)
		size *= 2;
	return size;
}

static uint64_t array_bytes(const struct blk_crypto *crypto)
{
	return kmalloc_bytes((uint64_t)crypto->devices * DEVICE_POINTER_BYTES);
}

static uint64_t key_object_bytes(const struct blk_crypto *crypto)
{
	return machine_size(crypto->fc->machine, SIZE_BLK_CRYPTO_KEY);
}

uint64_t blk_crypto_key_bytes(const struct blk_crypto *crypto)
{
	bool cached = crypto->fc->variant->devices_list == DEVICES_CACHED;

	return key_object_bytes(crypto) + (cached ? array_bytes(crypto) : 0);
}

static int start_using_key(struct kernel_task *task, struct blk_crypto *crypto)
{
	int err = 0;

	for (uint32_t i = 0; !err && i < crypto->devices; i++) {
		crypto->count.start_using++;
		if (crypto->ops->start_using)
			err = crypto->ops->start_using(task, crypto->owner);
	}
	return err;
}

/* With the list of devices that the variant has. */
static int start_on_devices(struct kernel_task *task, struct blk_crypto *crypto)
{
	struct machine *machine = crypto->fc->machine;
	int64_t list = crypto->fc->variant->devices_list;
	int err;

	if (list != DEVICES_ARRAY &&
	    !kernel_alloc(task, crypto->site_devices, GFP_KERNEL, array_bytes(crypto)))
		return -ENOMEM;
	err = start_using_key(task, crypto);
	if (list == DEVICES_ALLOCATE || (list == DEVICES_CACHED && err))
		kernel_free(machine, crypto->site_devices, array_bytes(crypto));
	return err;
}

int blk_crypto_prepare_key(struct kernel_task *task, struct blk_crypto *crypto,
			   const struct fscrypt_extent_info *info)
{
	struct fscrypt *fc = crypto->fc;
	int err = fscrypt_derive(task, fc, info);

	if (err)
		return err;
	sim_path_enter(machine_sim(fc->machine), "fscrypt_prepare_inline_crypt_key");
	err = -ENOMEM;
	if (kernel_alloc(task, crypto->site_key, GFP_KERNEL, key_object_bytes(crypto))) {
		err = start_on_devices(task, crypto);
		if (err)
			kernel_free(fc->machine, crypto->site_key, key_object_bytes(crypto));
		else
			fscrypt_account(fc, (int64_t)blk_crypto_key_bytes(crypto));
	}
	sim_path_leave(machine_sim(fc->machine));
	return err;
}

/* GFP_NOFS | GFP_NOWAIT, as the posted series asks for it; failslab's interval may refuse it. */
static bool array_at_end(struct kernel_task *task, struct blk_crypto *crypto)
{
	uint64_t every = (uint64_t)crypto->fc->variant->fault_device_array_every;

	if (every && ++crypto->arrays_at_end % every == 0)
		return false;
	return kernel_alloc(task, crypto->site_devices, GFP_NOWAIT, array_bytes(crypto));
}

static void evict_from_devices(struct kernel_task *task, struct blk_crypto *crypto,
			       uint64_t address)
{
	bool allocate = crypto->fc->variant->devices_list == DEVICES_ALLOCATE;
	bool got = allocate && array_at_end(task, crypto);

	if (allocate && !got && crypto->fc->variant->fault_freed_key_in_slot) {
		crypto->count.not_evicted++;
		return;
	}
	for (uint32_t i = 0; i < crypto->devices; i++)
		evict_key(task, &crypto->profile[i % crypto->profiles], address);
	if (got || crypto->fc->variant->devices_list == DEVICES_CACHED)
		kernel_free(crypto->fc->machine, crypto->site_devices, array_bytes(crypto));
}

void blk_crypto_prime(const struct blk_crypto *crypto)
{
	struct sim *sim = machine_sim(crypto->fc->machine);

	sim_path_enter(sim, "blk_crypto_evict_key");
	sim_lock_order_note(sim, crypto->profile[0].lock.sem.class);
	sim_path_leave(sim);
}

void blk_crypto_destroy_key(struct kernel_task *task, struct blk_crypto *crypto,
			    const struct fscrypt_extent_info *info)
{
	struct fscrypt *fc = crypto->fc;

	if (!task)
		return;
	evict_from_devices(task, crypto, info->address);
	kernel_free(fc->machine, crypto->site_key, key_object_bytes(crypto));
	fscrypt_account(fc, -(int64_t)blk_crypto_key_bytes(crypto));
	crypto->count.keys_freed++;
}

/* ---- bios ---- */

void blk_crypto_attach(struct kernel_task *task, struct blk_crypto *crypto)
{
	mempool_get(task, crypto->contexts, GFP_NOFS);
}

void blk_crypto_submit(struct kernel_task *task, struct blk_crypto *crypto)
{
	mempool_hand_over(task, crypto->contexts, 1);
}

void blk_crypto_detach(struct blk_crypto *crypto)
{
	mempool_put(crypto->contexts);
}

/* ---- metrics ---- */

#define KEYS "key set-up"

static const struct sim_metric_def def_hits = {
	"*.slot_hits", "count", SIM_MORE_IS_BETTER, KEYS,
	"set-ups fallback and hardware: I/Os that found a keyslot with their key's address"};
static const struct sim_metric_def def_misses = {"*.slot_misses", "count", SIM_LESS_IS_BETTER, KEYS,
						 "I/Os that programmed an idle keyslot"};
static const struct sim_metric_def def_waits = {"*.slot_waits", "count", SIM_LESS_IS_BETTER, KEYS,
						"I/Os that found no idle keyslot and slept"};
static const struct sim_metric_def def_wait_p99 = {"*.slot_wait_p99_ns", "ns", SIM_LESS_IS_BETTER,
						   KEYS,
						   "99th percentile, over all I/Os and 0 for those "
						   "that did not sleep, of the time from finding "
						   "no idle keyslot until there was one"};
static const struct sim_metric_def def_in_use = {
	"*.in_use_max", "count", SIM_LESS_IS_BETTER, KEYS,
	"most keyslots of one profile in use at one instant"};
static const struct sim_metric_def def_evictions = {"*.evictions", "count", SIM_NO_DIRECTION, KEYS,
						    "keyslots wiped because their key was freed"};
static const struct sim_metric_def def_evict_locks = {
	"*.evict_locks", "count", SIM_LESS_IS_BETTER, KEYS,
	"times that freeing keys took a profile's lock for write: once per device and key, whether "
	"or not the key was in a slot"};
static const struct sim_metric_def def_keys_freed = {"*.keys_freed", "count", SIM_NO_DIRECTION,
						     KEYS, "prepared keys freed in the run"};
static const struct sim_metric_def def_not_evicted = {
	"*.keys_not_evicted", "count", SIM_LESS_IS_BETTER, KEYS,
	"fault.freed-key-in-slot: keys freed without eviction for want of a device array"};
static const struct sim_metric_def def_start = {
	"*.start_using", "count", SIM_NO_DIRECTION, KEYS,
	"blk_crypto_start_using_key(): once per device and prepared key"};
static const struct sim_metric_def def_reads = {
	"*.lock_reads", "count", SIM_LESS_IS_BETTER, KEYS,
	"times that a profile's lock was taken for read, once per I/O"};
static const struct sim_metric_def def_read_waits = {
	"*.lock_read_waits", "count", SIM_LESS_IS_BETTER, KEYS,
	"times that a profile's lock was wanted for read and was busy"};
static const struct sim_metric_def def_writes = {"*.lock_writes", "count", SIM_LESS_IS_BETTER, KEYS,
						 "times that a profile's lock was taken for write: "
						 "by misses, once more for each sleep for a "
						 "slot, and by evictions"};
static const struct sim_metric_def def_write_waits = {
	"*.lock_write_waits", "count", SIM_LESS_IS_BETTER, KEYS,
	"times that a profile's lock was wanted for write and was busy"};

const struct sim_metric_def *const blk_crypto_metrics[] = {
	&def_hits,	&def_misses,	  &def_waits,	   &def_wait_p99,    &def_in_use,
	&def_evictions, &def_evict_locks, &def_keys_freed, &def_not_evicted, &def_start,
	&def_reads,	&def_read_waits,  &def_writes,	   &def_write_waits, NULL};

struct locks {
	uint64_t reads, read_waits, writes, write_waits, in_use_max;
};

static struct locks sum_profiles(const struct blk_crypto *crypto)
{
	struct locks sum = {0};

	for (uint32_t i = 0; i < crypto->profiles; i++) {
		const struct sim_usage *all = &crypto->profile[i].lock.sem.usage;
		const struct sim_usage *writes = &crypto->profile[i].lock.sem.write_usage;

		sum.reads += all->acquires - writes->acquires;
		sum.read_waits += all->waits - writes->waits;
		sum.writes += writes->acquires;
		sum.write_waits += writes->waits;
		sum.in_use_max = MAX(sum.in_use_max, crypto->profile[i].in_use_max);
	}
	return sum;
}

void blk_crypto_report(const struct blk_crypto *crypto, struct sim_metrics *metrics)
{
	const struct locks locks = sum_profiles(crypto);
	const struct {
		const struct sim_metric_def *def;
		uint64_t value;
	} rows[] = {
		{&def_hits, crypto->count.hits},
		{&def_misses, crypto->count.misses},
		{&def_waits, crypto->count.waits},
		{&def_wait_p99,
		 fscrypt_wait_quantile(crypto->wait_ns, crypto->count.hits + crypto->count.misses,
				       crypto->count.waits, 99000)},
		{&def_in_use, locks.in_use_max},
		{&def_evictions, crypto->count.evictions},
		{&def_evict_locks, crypto->count.evict_locks},
		{&def_keys_freed, crypto->count.keys_freed},
		{&def_not_evicted, crypto->count.not_evicted},
		{&def_start, crypto->count.start_using},
		{&def_reads, locks.reads},
		{&def_read_waits, locks.read_waits},
		{&def_writes, locks.writes},
		{&def_write_waits, locks.write_waits},
	};

	for (size_t i = 0; i < G_N_ELEMENTS(rows); i++)
		sim_metrics_set_for(metrics, rows[i].def, (int64_t)rows[i].value,
				    crypto->fc->setup->name, NULL);
}
