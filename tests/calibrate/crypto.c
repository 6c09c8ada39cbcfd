/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Keys and data as they are measured are those that they should be. */
#include "calibrate/calibrate.h"

#include <criterion/criterion.h>
#include <openssl/core_names.h>
#include <openssl/kdf.h>
#include <openssl/params.h>
#include <string.h>

TestSuite(calibrate_crypto);

static const uint8_t master_key[CALIBRATE_KEY_BYTES] = "a master key";
static const uint8_t nonce[CALIBRATE_NONCE_BYTES] = "a nonce, 16 byte";

Test(calibrate_crypto, derived_keys_are_hkdf_with_the_info_of_fscrypt)
{
	struct calibrate_master *master = calibrate_master_new(master_key, NULL);
	EVP_KDF *kdf = EVP_KDF_fetch(NULL, "HKDF", NULL);
	EVP_KDF_CTX *context = EVP_KDF_CTX_new(kdf);
	uint8_t info[8 + 1 + CALIBRATE_NONCE_BYTES] = "fscrypt\0\2";
	uint8_t key[CALIBRATE_KEY_BYTES], expected[CALIBRATE_KEY_BYTES];
	int mode = EVP_KDF_HKDF_MODE_EXPAND_ONLY;
	char digest[] = "SHA512";
	OSSL_PARAM params[] = {
		OSSL_PARAM_construct_int(OSSL_KDF_PARAM_MODE, &mode),
		OSSL_PARAM_construct_utf8_string(OSSL_KDF_PARAM_DIGEST, digest, 0),
		OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_KEY, (void *)master_key,
						  sizeof(master_key)),
		OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_INFO, info, sizeof(info)),
		OSSL_PARAM_construct_end()};

	memcpy(info + 9, nonce, sizeof(nonce));
	cr_assert_eq(EVP_KDF_derive(context, expected, sizeof(expected), params), 1);
	for (int i = 0; i < 2; i++) { /* the prepared key stays as it is */
		calibrate_derive(master, nonce, key);
		cr_expect_arr_eq(key, expected, sizeof(key));
	}
	EVP_KDF_CTX_free(context);
	EVP_KDF_free(kdf);
	calibrate_master_free(master);
}

Test(calibrate_crypto, data_comes_back_under_its_key_and_number_alone)
{
	enum { BLOCKS = 3 };
	struct calibrate_cipher *one = calibrate_cipher_new(NULL),
				*two = calibrate_cipher_new(NULL);
	uint8_t key[CALIBRATE_KEY_BYTES] = {1, 2, 3};
	static uint8_t plain[BLOCKS * KERNEL_BLOCK_BYTES], data[BLOCKS * KERNEL_BLOCK_BYTES];

	calibrate_set_key(one, key);
	calibrate_crypt(one, true, 5, data, BLOCKS);
	cr_expect(memcmp(data, data + KERNEL_BLOCK_BYTES, KERNEL_BLOCK_BYTES),
		  "blocks alike must differ");
	calibrate_set_key(two, key);
	calibrate_crypt(two, false, 5, data, BLOCKS);
	cr_expect_arr_eq(data, plain, sizeof(data));
	calibrate_crypt(one, true, 5, data, BLOCKS);
	calibrate_crypt(one, false, 6, data, BLOCKS);
	cr_expect(memcmp(data, plain, sizeof(data)), "another number");
	memset(data, 0, sizeof(data));
	calibrate_crypt(one, true, 5, data, BLOCKS);
	key[0]++;
	calibrate_set_key(one, key);
	calibrate_crypt(one, false, 5, data, BLOCKS);
	cr_expect(memcmp(data, plain, sizeof(data)), "another key");
	calibrate_cipher_free(one);
	calibrate_cipher_free(two);
}
