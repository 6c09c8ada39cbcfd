/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What things cost: the names of a profile's entries, and drawing from them. */
#include "models/kernel/machine.h"

const char *const cipher_mode_names[CIPHER_MODES] = {
	[CIPHER_AES_256_XTS] = "aes-256-xts",
	[CIPHER_AES_128_CBC_ESSIV] = "aes-128-cbc-essiv",
	[CIPHER_ADIANTUM] = "adiantum",
};

#define EACH_MODE(base, stem, unit, text)                                                          \
	[base + CIPHER_AES_256_XTS] = {stem ".aes-256-xts", unit, text},                           \
		[base + CIPHER_AES_128_CBC_ESSIV] = {stem ".aes-128-cbc-essiv", unit, text},       \
		[base + CIPHER_ADIANTUM] = {stem ".adiantum", unit, text}
#define PER_MODE(base, stem, text) EACH_MODE(base, stem, "ns", text)

const struct kernel_name kernel_cost_table[KERNEL_COSTS] = {
	[COST_SYSCALL] = {"syscall", "ns", "system call entry and exit"},
	[COST_LOOKUP_COMPONENT] = {"lookup_component", "ns", "one cached path component"},
	[COST_FILE_OPEN] = {"file_open", "ns", "open of a plain file beyond look-up"},
	[COST_FILE_CLOSE] = {"file_close", "ns", "close of a file"},
	[COST_COPY_4K] = {"copy_4k", "ns", "copy of one block to or from user space"},
	[COST_PAGE_CACHE_LOOKUP] = {"page_cache_lookup", "ns", "finding one range of folios"},
	[COST_PAGE_ALLOC] = {"page_alloc", "ns", "one page from the page allocator"},
	[COST_SLAB_ALLOC] = {"slab_alloc", "ns", "one object from a slab cache"},
	[COST_RECLAIM_PAGE] = {"reclaim_page", "ns", "reclaiming one page, per page freed"},
	[COST_LOCK] = {"lock", "ns", "an uncontended lock and unlock"},
	[COST_CONTEXT_SWITCH] = {"context_switch", "ns",
				 "being woken to running, without queueing"},
	[COST_TREE_LEVEL] = {"tree_level", "ns", "search of one level of a cached tree"},
	[COST_TREE_ITEM] = {"tree_item", "ns", "insert, delete or change of one tree item"},
	[COST_TREE_COW] = {"tree_cow", "ns", "copy of one tree block, its allocation included"},
	[COST_TREE_SPLIT] = {"tree_split", "ns", "split or merge of one tree block"},
	[COST_DELAYED_REF] = {"delayed_ref", "ns", "queueing one extent reference change"},
	[COST_EXTENT_MAP_LOOKUP] = {"extent_map_lookup", "ns", "look-up in the extent map cache"},
	[COST_EXTENT_MAP_INSERT] = {"extent_map_insert", "ns",
				    "insertion into the extent map cache"},
	[COST_RESERVE_EXTENT] = {"reserve_extent", "ns", "finding free space for one data extent"},
	[COST_TRANSACTION_JOIN] = {"transaction_join", "ns", "joining and ending a transaction"},
	[COST_TRANSACTION_COMMIT] = {"transaction_commit", "ns", "CPU part of a commit, fixed"},
	[COST_TREE_BLOCK_WRITE] = {"tree_block_write", "ns",
				   "CPU part of writing one dirty tree block at commit"},
	[COST_LOG_TREE_ITEM] = {"log_tree_item", "ns", "one item copied to the log tree by fsync"},
	[COST_BIO_SUBMIT] = {"bio_submit", "ns", "building and submitting one bio"},
	[COST_BIO_END] = {"bio_end", "ns", "completing one bio"},
	[COST_CSUM_4K] = {"csum_4k", "ns", "crc32c of one block"},
	[COST_BOUNCE_PAGE] = {"bounce_page", "ns",
			      "taking and returning one bounce page, less its page_alloc"},
	[COST_WORK_ITEM] = {"work_item", "ns", "queueing and starting one work item"},
	[COST_RANDOM_NONCE] = {"random_nonce", "ns", "get_random_bytes() of 16 bytes"},
	[COST_MASTER_KEY_LOOKUP] = {"master_key_lookup", "ns", "fscrypt_find_master_key()"},
	[COST_CONTEXT_PARSE] = {"context_parse", "ns", "reading and checking one fscrypt context"},
	[COST_INODE_INFO_SETUP] =
		{"inode_info_setup", "ns",
		 "fscrypt_get_encryption_info() less context, master key look-up, "
		 "allocation and key set-up"},
	[COST_NAME_KEY_SETUP] = {"name_key_setup", "ns",
				 "setting up a directory's name key: derive, allocate, set key"},
	[COST_ADD_KEY] = {"add_key", "ns", "FS_IOC_ADD_ENCRYPTION_KEY"},
	[COST_REMOVE_KEY_INODE] = {"remove_key_inode", "ns",
				   "FS_IOC_REMOVE_ENCRYPTION_KEY, per cached inode"},
	[COST_HKDF_EXPAND] = {"hkdf_expand", "ns", "deriving one per-file or per-extent key"},
	[COST_POOL_SLOT] = {"pool_slot", "ns", "taking and returning a pool slot, uncontended"},
	[COST_POOL_MAP_LOOKUP] = {"pool_map_lookup", "ns",
				  "finding (key, nonce, mode) among prepared ciphers"},
	[COST_MODPROBE] = {"modprobe", "ns", "loading a module, less reading its file"},
	[COST_ALG_SELFTEST] = {"alg_selftest", "ns", "testing one algorithm at its registration"},
	[COST_LINE_LOCAL] = {"line_local", "ns", "an atomic on a cache line at hand"},
	[COST_LINE_TRANSFER] = {"line_transfer", "ns",
				"an atomic on a cache line that another CPU touched last"},
	[COST_EVICT_INODE] = {"evict_inode", "ns", "one inode and its dentry, by the shrinker"},
	PER_MODE(COST_SETKEY, "setkey", "setting the key of a cipher"),
	PER_MODE(COST_TFM_ALLOC, "tfm_alloc", "allocating a cipher, less its slab_alloc"),
	PER_MODE(COST_TFM_FREE, "tfm_free", "freeing a cipher"),
	PER_MODE(COST_TFM_CLONE, "tfm_clone", "cloning a cipher, less its slab_alloc"),
	PER_MODE(COST_ENCRYPT_4K, "encrypt_4k", "encrypting one block"),
	PER_MODE(COST_DECRYPT_4K, "decrypt_4k", "decrypting one block"),
	[COST_AUTH_4K] = {"auth_4k", "ns", "computing the authentication tag of one block"},
	[COST_DEVICE_READ] = {"device_read", "ns",
			      "device latency of a read, first block included"},
	[COST_DEVICE_WRITE] = {"device_write", "ns",
			       "device latency of a write, first block included"},
	[COST_DEVICE_4K] = {"device_4k", "ns", "transfer of one more block on one channel"},
	[COST_DEVICE_FLUSH] = {"device_flush", "ns", "flush of the device's write cache"},
	[COST_KEYSLOT_PROGRAM] = {"keyslot_program", "ns",
				  "programming or clearing a keyslot of a device"},
	[SPAN_SCHED_SLICE] = {"sched_slice", "ns", "CPU time until a task yields to a waiting one"},
	[SPAN_DIRTY_WRITEBACK] = {"dirty_writeback", "ns", "vm.dirty_writeback_centisecs"},
	[SPAN_DIRTY_EXPIRE] = {"dirty_expire", "ns", "vm.dirty_expire_centisecs"},
	[SPAN_COMMIT_INTERVAL] = {"commit_interval", "ns", "btrfs mount option commit="},
	[SPAN_THROTTLE_PAUSE] = {"throttle_pause", "ns", "one pause in balance_dirty_pages()"},
	[SPAN_MEMPOOL_RETRY] = {"mempool_retry", "ns",
				"longest sleep of mempool_alloc() before it tries again"},
	[SPAN_HUNG_TASK] = {"hung_task", "ns", "kernel.hung_task_timeout_secs"},
	[SPAN_RECLAIM_THROTTLE] = {"reclaim_throttle", "ns",
				   "longest wait of a reclaim that made no progress"},
	[SPAN_CRYPTO_LARVAL] = {"crypto_larval_wait", "ns",
				"longest wait for an algorithm under test"},
};

const struct kernel_name kernel_size_table[KERNEL_SIZES] = {
	[SIZE_PAGE] = {"page", "bytes", "one page"},
	[SIZE_EXTENT_MAP] = {"extent_map", "bytes", "struct extent_map"},
	[SIZE_EXTENT_MAP_ENCRYPTED] = {"extent_map_encrypted", "bytes",
				       "struct extent_map with fscrypt info and free-list node"},
	[SIZE_ORDERED_EXTENT] = {"ordered_extent", "bytes", "struct btrfs_ordered_extent"},
	[SIZE_BTRFS_INODE] = {"btrfs_inode", "bytes", "struct btrfs_inode"},
	[SIZE_TRANS_HANDLE] = {"trans_handle", "bytes", "struct btrfs_trans_handle"},
	[SIZE_BTRFS_PATH] = {"btrfs_path", "bytes", "struct btrfs_path"},
	[SIZE_DELAYED_REF] = {"delayed_ref", "bytes", "btrfs_delayed_ref_head and _node"},
	[SIZE_EXTENT_STATE] = {"extent_state", "bytes", "struct extent_state"},
	[SIZE_BTRFS_BIO] = {"btrfs_bio", "bytes", "struct btrfs_bio with inline vectors"},
	[SIZE_TREE_BLOCK] = {"tree_block", "bytes", "struct extent_buffer"},
	[SIZE_INODE_INFO] = {"inode_info", "bytes", "struct fscrypt_inode_info"},
	[SIZE_EXTENT_INFO] = {"extent_info", "bytes", "struct fscrypt_extent_info"},
	[SIZE_MASTER_KEY] = {"master_key", "bytes", "struct fscrypt_master_key"},
	[SIZE_KEYRING_KEY] = {"keyring_key", "bytes", "struct key: a user's claim to a master key"},
	[SIZE_BLK_CRYPTO_KEY] = {"blk_crypto_key", "bytes", "struct blk_crypto_key"},
	[SIZE_LIBRARY_KEY] = {"library_key", "bytes", "AES-XTS library key"},
	[SIZE_DERIVED_KEY] = {"derived_key", "bytes", "a cached raw key"},
	EACH_MODE(SIZE_TFM, "tfm", "bytes", "a cipher with all it holds"),
	EACH_MODE(LIMIT_ALG_LOOKUPS, "alg_lookups", "look-ups",
		  "times that making a cipher takes crypto_alg_sem for read"),
	[SIZE_ADIANTUM_SETKEY] = {"adiantum_setkey", "bytes",
				  "what adiantum_setkey() allocates for its duration"},
	[SIZE_CRYPTO_LARVAL] = {"crypto_larval", "bytes", "struct crypto_larval"},
	[SIZE_CRYPTO_TEST] = {"crypto_test", "bytes", "struct crypto_test_param"},
	[LIMIT_BIO_BLOCKS] = {"bio_blocks", "blocks", "blocks in one bio"},
	[LIMIT_READ_AHEAD_BLOCKS] = {"read_ahead_blocks", "blocks", "largest read-ahead window"},
	[LIMIT_READ_AHEAD_START_BLOCKS] = {"read_ahead_start_blocks", "blocks",
					   "first read-ahead window of a sequential reader"},
	[LIMIT_BOUNCE_PAGES] = {"bounce_pages", "pages", "reserve of the bounce page mempool"},
	[SIZE_BIO_CRYPT_CTX] = {"bio_crypt_ctx", "bytes", "struct bio_crypt_ctx"},
	[SIZE_FALLBACK_READ_CTX] = {"fallback_read_ctx", "bytes", "struct bio_fallback_crypt_ctx"},
	[SIZE_CIPHER_REQUEST] = {"cipher_request", "bytes",
				 "struct skcipher_request with the driver's part"},
	[SIZE_KEYSLOT] = {"keyslot", "bytes", "struct blk_crypto_keyslot"},
	[SIZE_FALLBACK_KEYSLOT] = {"fallback_keyslot", "bytes",
				   "struct blk_crypto_fallback_keyslot"},
	[LIMIT_BIO_CRYPT_CTXS] = {"bio_crypt_ctxs", "count",
				  "reserve of the mempool of bio encryption contexts"},
	[LIMIT_FALLBACK_READ_CTXS] = {"fallback_read_ctxs", "count",
				      "reserve of blk-crypto-fallback's mempool of read contexts"},
	[LIMIT_FALLBACK_PAGES_6_12] = {"fallback_pages.6.12", "pages",
				       "reserve of blk-crypto-fallback's bounce page mempool"},
	[LIMIT_FALLBACK_PAGES_7_X] = {"fallback_pages.7.x", "pages",
				      "reserve of blk-crypto-fallback's bounce page mempool"},
};

const char *const kernel_part_names[KERNEL_PARTS] = {
	[PART_CPU_QUEUE] = "cpu_queue",	  [PART_LOCK_WAIT] = "lock_wait",
	[PART_POOL_WAIT] = "pool_wait",	  [PART_ALLOC] = "alloc",
	[PART_DERIVE] = "derive",	  [PART_SETKEY] = "setkey",
	[PART_CRYPT] = "crypt",		  [PART_DEVICE] = "device",
	[PART_THROTTLE] = "throttle",	  [PART_CPU] = "cpu",
	[PART_SLEEP] = "sleep",		  [PART_WORKER_QUEUE] = "worker_queue",
	[PART_OTHER_TASK] = "other_task",
};

enum kernel_part kernel_cost_part(enum kernel_cost cost)
{
	if (cost == COST_HKDF_EXPAND)
		return PART_DERIVE;
	if (cost == COST_KEYSLOT_PROGRAM || (cost >= COST_SETKEY && cost < COST_TFM_ALLOC))
		return PART_SETKEY;
	if (cost == COST_BOUNCE_PAGE || (cost >= COST_ENCRYPT_4K && cost < COST_DEVICE_READ))
		return PART_CRYPT;
	if (cost == COST_PAGE_ALLOC || cost == COST_SLAB_ALLOC || cost == COST_RECLAIM_PAGE ||
	    (cost >= COST_TFM_ALLOC && cost < COST_ENCRYPT_4K))
		return PART_ALLOC;
	return PART_CPU;
}

void cost_profile_free(struct cost_profile *profile)
{
	if (!profile)
		return;
	for (int i = 0; i < KERNEL_COSTS; i++)
		g_free(profile->cost[i].source);
	for (int i = 0; i < KERNEL_SIZES; i++)
		g_free(profile->size[i].source);
	g_free(profile->name);
	g_free(profile->cpu);
	g_free(profile->kernel);
	g_free(profile->doc);
	g_free(profile->digest);
	g_free(profile);
}

uint64_t machine_size(const struct machine *machine, enum kernel_size what)
{
	return machine->config.profile->size[what].value;
}

sim_ns machine_cost_mean(const struct machine *machine, enum kernel_cost what)
{
	return sim_dist_mean(&machine->config.profile->cost[what].dist);
}

sim_ns cost_draw(struct machine *m, enum kernel_cost cost, uint64_t times, uint64_t key,
		 uint32_t *k)
{
	const struct sim_dist *dist = &m->config.profile->cost[cost].dist;
	uint64_t draws = MIN(times, (uint64_t)COST_DRAWS_MAX);
	sim_ns sum = 0;

	if (dist->kind == SIM_DIST_CONSTANT)
		return dist->a * times;
	for (uint64_t i = 0; i < draws; i++)
		sum += sim_draw_keyed(m->sim, m->purpose[cost], key, (*k)++, dist);
	if (times > draws)
		sum = sum / draws * times + sum % draws * times / draws;
	return sum;
}

/* One step of SplitMix64 (Steele, Lea, Flood 2014): spreads the children of a request over all
 * keys, far from the numbers of other requests. */
static uint64_t child_key(uint64_t parent, uint64_t n)
{
	uint64_t x = parent + n * UINT64_C(0x9e3779b97f4a7c15);

	x = (x ^ x >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	x = (x ^ x >> 27) * UINT64_C(0x94d049bb133111eb);
	return x ^ x >> 31;
}

uint64_t request_child_key(struct machine *m, uint64_t request)
{
	struct kernel_task *task = kernel_current(m);

	if (task && task->request == request)
		return child_key(task->draw_key, ++task->children);
	if (!task && m->in_end_io && m->event_request == request)
		return child_key(m->event_key, ++m->event_children);
	return child_key(child_key(request, 0), ++m->strangers);
}
