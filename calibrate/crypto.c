/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Keys and data by libcrypto, as fscrypt uses its kernel's. */
#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/params.h>
#include <string.h>

#include "calibrate/internal.h"

enum {
	HASH_BYTES = 64, /* of SHA-512 */
	HASH_BLOCK_BYTES = 128,
	IV_BYTES = 16,
	LARGEST_BLOCKS = 256, /* 1 MiB */
	HASHED_BLOCKS = 64, /* of SHA-512, in one call */
};

struct calibrate_master {
	EVP_MAC_CTX *mac;
};

struct calibrate_cipher {
	EVP_CIPHER_CTX *encrypt, *decrypt;
};

static bool lacks(const char *what, GError **error)
{
	g_set_error(error, CALIBRATE_ERROR, CALIBRATE_ERROR_LIBRARY,
		    "%s has no %s\nits default provider must be there",
		    OpenSSL_version(OPENSSL_VERSION), what);
	return false;
}

struct calibrate_master *calibrate_master_new(const uint8_t key[CALIBRATE_KEY_BYTES],
					      GError **error)
{
	struct calibrate_master *master;
	char digest[] = "SHA512";
	const OSSL_PARAM params[] = {
		OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, digest, 0),
		OSSL_PARAM_construct_end()};
	EVP_MAC *mac = EVP_MAC_fetch(NULL, "HMAC", NULL);
	EVP_MAC_CTX *context = mac ? EVP_MAC_CTX_new(mac) : NULL;

	EVP_MAC_free(mac);
	if (!context || !EVP_MAC_init(context, key, CALIBRATE_KEY_BYTES, params)) {
		EVP_MAC_CTX_free(context);
		lacks("HMAC-SHA512", error);
		return NULL;
	}
	master = g_new0(struct calibrate_master, 1);
	master->mac = context;
	return master;
}

void calibrate_master_free(struct calibrate_master *master)
{
	if (!master)
		return;
	EVP_MAC_CTX_free(master->mac);
	g_free(master);
}

/* RFC 5869, 2.3, of one block; info as fs/crypto/hkdf.c has it: "fscrypt\0", the kind of key, the nonce. */
void calibrate_derive(struct calibrate_master *master, const uint8_t nonce[CALIBRATE_NONCE_BYTES],
		      uint8_t key[CALIBRATE_KEY_BYTES])
{
	enum { PREFIX = 8, PER_FILE_KEY = 2 };
	uint8_t info[PREFIX + 1 + CALIBRATE_NONCE_BYTES + 1] = "fscrypt";
	size_t bytes;
	int fine;

	info[PREFIX] = PER_FILE_KEY;
	memcpy(info + PREFIX + 1, nonce, CALIBRATE_NONCE_BYTES);
	info[sizeof(info) - 1] = 1;
	fine = EVP_MAC_init(master->mac, NULL, 0, NULL) &&
	       EVP_MAC_update(master->mac, info, sizeof(info)) &&
	       EVP_MAC_final(master->mac, key, &bytes, CALIBRATE_KEY_BYTES);
	g_assert(fine && bytes == CALIBRATE_KEY_BYTES);
}

struct calibrate_cipher *calibrate_cipher_new(GError **error)
{
	/* XTS refuses equal halves. */
	static const uint8_t key[CALIBRATE_KEY_BYTES] = {1};
	EVP_CIPHER *xts = EVP_CIPHER_fetch(NULL, "AES-256-XTS", NULL);
	struct calibrate_cipher *cipher = g_new0(struct calibrate_cipher, 1);

	cipher->encrypt = EVP_CIPHER_CTX_new();
	cipher->decrypt = EVP_CIPHER_CTX_new();
	if (!xts || !EVP_EncryptInit_ex2(cipher->encrypt, xts, key, NULL, NULL) ||
	    !EVP_DecryptInit_ex2(cipher->decrypt, xts, key, NULL, NULL)) {
		lacks("AES-256-XTS", error);
		g_clear_pointer(&cipher, calibrate_cipher_free);
	}
	EVP_CIPHER_free(xts);
	return cipher;
}

void calibrate_cipher_free(struct calibrate_cipher *cipher)
{
	if (!cipher)
		return;
	EVP_CIPHER_CTX_free(cipher->encrypt);
	EVP_CIPHER_CTX_free(cipher->decrypt);
	g_free(cipher);
}

void calibrate_set_key(struct calibrate_cipher *cipher, const uint8_t key[CALIBRATE_KEY_BYTES])
{
	int fine = EVP_EncryptInit_ex2(cipher->encrypt, NULL, key, NULL, NULL) &&
		   EVP_DecryptInit_ex2(cipher->decrypt, NULL, key, NULL, NULL);

	g_assert(fine); /* but for equal halves, which HKDF does not give */
}

static void set_iv(EVP_CIPHER_CTX *context, bool encrypt, uint64_t number)
{
	uint8_t iv[IV_BYTES] = {0};

	number = GUINT64_TO_LE(number);
	memcpy(iv, &number, sizeof(number));
	if (encrypt)
		EVP_EncryptInit_ex2(context, NULL, NULL, iv, NULL);
	else
		EVP_DecryptInit_ex2(context, NULL, NULL, iv, NULL);
}

void calibrate_crypt(struct calibrate_cipher *cipher, bool encrypt, uint64_t first, uint8_t *data,
		     size_t blocks)
{
	EVP_CIPHER_CTX *context = encrypt ? cipher->encrypt : cipher->decrypt;
	int bytes, fine = 1;

	for (size_t i = 0; i < blocks; i++, data += KERNEL_BLOCK_BYTES) {
		set_iv(context, encrypt, first + i);
		fine &= EVP_CipherUpdate(context, data, &bytes, data, KERNEL_BLOCK_BYTES);
	}
	g_assert(fine);
}

/* ---- as they are measured ------------------------------------------------------------------ */

struct crypto {
	struct calibrate_master *master;
	struct calibrate_cipher *cipher;
	EVP_MD *sha512;
	uint8_t key[CALIBRATE_KEY_BYTES], nonce[CALIBRATE_NONCE_BYTES];
	uint8_t *data; /* LARGEST_BLOCKS */
	bool encrypt; /* for run_crypt() */
	size_t blocks;
};

static void run_derive(void *arg, uint64_t times)
{
	struct crypto *crypto = arg;
	uint8_t key[CALIBRATE_KEY_BYTES];

	while (times--)
		calibrate_derive(crypto->master, crypto->nonce, key);
}

static void run_hash(void *arg, uint64_t times)
{
	struct crypto *crypto = arg;
	uint8_t hash[HASH_BYTES];

	while (times--)
		EVP_Digest(crypto->data, HASHED_BLOCKS * HASH_BLOCK_BYTES, hash, NULL,
			   crypto->sha512, NULL);
}

static void run_hash_nothing(void *arg, uint64_t times)
{
	struct crypto *crypto = arg;
	uint8_t hash[HASH_BYTES];

	while (times--)
		EVP_Digest(crypto->data, 0, hash, NULL, crypto->sha512, NULL);
}

static void set_up(struct crypto *crypto, const uint8_t *key, bool both, uint64_t times)
{
	static const uint8_t iv[IV_BYTES];

	while (times--) {
		EVP_EncryptInit_ex2(crypto->cipher->encrypt, NULL, key, iv, NULL);
		if (both)
			EVP_DecryptInit_ex2(crypto->cipher->decrypt, NULL, key, iv, NULL);
	}
}

static void run_key_one(void *arg, uint64_t times)
{
	set_up(arg, ((struct crypto *)arg)->key, false, times);
}

static void run_iv_one(void *arg, uint64_t times)
{
	set_up(arg, NULL, false, times);
}

static void run_key_both(void *arg, uint64_t times)
{
	set_up(arg, ((struct crypto *)arg)->key, true, times);
}

static void run_iv_both(void *arg, uint64_t times)
{
	set_up(arg, NULL, true, times);
}

static void run_set_key(void *arg, uint64_t times)
{
	struct crypto *crypto = arg;

	while (times--)
		calibrate_set_key(crypto->cipher, crypto->key);
}

static void run_crypt(void *arg, uint64_t times)
{
	struct crypto *crypto = arg;

	while (times--)
		calibrate_crypt(crypto->cipher, crypto->encrypt, 0, crypto->data, crypto->blocks);
}

static bool measure_crypt(struct bench *bench, struct crypto *crypto)
{
	for (int decrypt = 0; decrypt <= 1; decrypt++)
		for (size_t blocks = 1; blocks <= LARGEST_BLOCKS; blocks *= 4) {
			const char *verb = decrypt ? "decrypt" : "encrypt";
			g_autofree char *name = g_strdup_printf("xts-%s-%zuk", verb, blocks * 4);
			g_autofree char *what = g_strdup_printf(
				"AES-256-XTS, 4 KiB of %zu KiB %sed in units of 4 KiB", blocks * 4,
				verb);
			const struct op op = {
				.run = run_crypt, .arg = crypto, .units = (double)blocks};

			crypto->encrypt = !decrypt;
			crypto->blocks = blocks;
			if (!bench_measure(bench, name, what, &op, NULL))
				return false;
		}
	return true;
}

static bool measure_keys(struct bench *bench, struct crypto *crypto)
{
	const struct op derive = {.run = run_derive, .arg = crypto},
			hash = {.run = run_hash, .arg = crypto, .units = HASHED_BLOCKS},
			nothing = {.run = run_hash_nothing, .arg = crypto},
			key_one = {.run = run_key_one, .arg = crypto},
			iv_one = {.run = run_iv_one, .arg = crypto},
			key_both = {.run = run_key_both, .arg = crypto},
			iv_both = {.run = run_iv_both, .arg = crypto},
			call = {.run = run_set_key, .arg = crypto};

	return bench_measure(bench, "hkdf-expand",
			     "HKDF-SHA512 expand to 64 bytes, key prepared: 2 compressions",
			     &derive, NULL) &&
	       bench_measure(bench, "sha512-block", "one compression of SHA-512", &hash,
			     &nothing) &&
	       bench_measure(bench, "xts-setkey-one",
			     "AES-256-XTS key set-up to encrypt, less IV set-up", &key_one,
			     &iv_one) &&
	       bench_measure(bench, "xts-setkey",
			     "AES-256-XTS key set-up to encrypt and decrypt, less IV set-up",
			     &key_both, &iv_both) &&
	       bench_measure(bench, "xts-setkey-call", "the same without IVs, the calls included",
			     &call, NULL);
}

static bool crypto_open(struct crypto *crypto, GError **error)
{
	static const uint8_t master[CALIBRATE_KEY_BYTES] = {1, 2, 3};

	crypto->data = g_malloc0((gsize)LARGEST_BLOCKS * KERNEL_BLOCK_BYTES);
	crypto->master = calibrate_master_new(master, error);
	crypto->cipher = crypto->master ? calibrate_cipher_new(error) : NULL;
	crypto->sha512 = EVP_MD_fetch(NULL, "SHA512", NULL);
	if (!crypto->cipher)
		return false;
	if (!crypto->sha512)
		return lacks("SHA-512", error);
	calibrate_derive(crypto->master, crypto->nonce, crypto->key);
	calibrate_set_key(crypto->cipher, crypto->key);
	return true;
}

bool measure_crypto(struct bench *bench, GError **error)
{
	struct crypto crypto = {.encrypt = true};
	bool fine = crypto_open(&crypto, error) && measure_keys(bench, &crypto) &&
		    measure_crypt(bench, &crypto);

	if (fine)
		bench_skip(bench, "adiantum", "Adiantum",
			   "libcrypto has none (XChaCha12, NHPoly1305)");
	calibrate_master_free(crypto.master);
	calibrate_cipher_free(crypto.cipher);
	EVP_MD_free(crypto.sha512);
	g_free(crypto.data);
	return fine;
}
