/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * calibrate: what the primitives of a cost profile take on this machine. Crypto is that of libcrypto, in
 * user space; lock hand-over and cache lines are those of its cores; with `kernel`, the path of its kernel
 * is measured on an ext4 of its own. The room prints nothing.
 */
#ifndef CALIBRATE_H
#define CALIBRATE_H

#include "models/kernel/kernel.h"

#define CALIBRATE_ERROR calibrate_error_quark()
GQuark calibrate_error_quark(void);
enum calibrate_error {
	CALIBRATE_ERROR_LIBRARY, /* libcrypto lacks what it is needed for */
	CALIBRATE_ERROR_IO, /* a filesystem could not be made or mounted */
};

struct calibrate_options {
	bool quick; /* a tenth of the time, and wider intervals */
	bool kernel; /* the kernel's path too, which needs root */
	const volatile int *interrupted; /* non-zero: end soon; may be NULL */
	void (*begins)(void *arg, const char *what); /* before each primitive; may be NULL */
	void *begins_arg;
};

/** One primitive. Times are in ns for one of it; those of batches are means over the batch. */
struct calibrate_figure {
	char *name; /* "hkdf-expand" */
	char *what; /* what was done, for people and for a profile's source */
	char *skipped; /* why there are no times; NULL: there are */
	double min_ns, p50_ns, p90_ns, p99_ns;
	double width; /* half the 95 % interval of the median, relative to it */
	bool narrow; /* the interval became as narrow as asked for */
	uint64_t samples, times; /* how many were taken, each over so many of the primitive */
};

struct calibration {
	char *cpu; /* its name as the kernel has it, with family and model */
	char *flags; /* those of AES and vectors: what the CPU has, what libcrypto uses of it */
	char *library; /* libcrypto's version */
	char *release, *kernel; /* "6.12.9-amd64" and its version alone, "6.12" */
	char *kernel_cipher; /* driver of the kernel's xts(aes); NULL: not known */
	uint32_t cpus; /* that this process may use */
	double clock_ns; /* of one read of the clock, taken off each sample */
	double width; /* the relative half width of the median's interval that was asked for */
	bool interrupted; /* figures are missing */
	GPtrArray *figures; /* struct calibrate_figure *, in the order of measuring */
};

/** Measures. What can't be measured here is a figure that says why. Ends soon, with the figures that are
 * finished, when interrupted. */
struct calibration *calibrate_run(const struct calibrate_options *options, GError **error);
void calibration_free(struct calibration *calibration);
/** The figure of a name, or NULL if it is not there or was skipped. */
const struct calibrate_figure *calibration_find(const struct calibration *calibration,
						const char *name);

/** A profile of what was measured, called `name`; what was not is carried over from `base`, and each
 * source says which. */
struct cost_profile *calibration_profile(const struct calibration *calibration,
					 const struct cost_profile *base, const char *name);
/** The time that `base` has for what a figure measured, in ns, means of its entries added up; 0 if it has
 * nothing of the kind. */
double calibration_base_ns(const struct calibrate_figure *figure, const struct cost_profile *base);

/** Appends the figures as a table beside those of `base`, with what was skipped below. */
void calibration_text(const struct calibration *calibration, const struct cost_profile *base,
		      GString *out);
/** The same as JSON, one figure per line. */
void calibration_json(const struct calibration *calibration, const struct cost_profile *base,
		      GString *out);

/* ---- the crypto that is measured, for others who need real keys and data -------------------- */

enum { CALIBRATE_KEY_BYTES = 64, CALIBRATE_NONCE_BYTES = 16 };

/** A master key, its HMAC-SHA512 prepared: for one thread at a time. */
struct calibrate_master;
struct calibrate_master *calibrate_master_new(const uint8_t key[CALIBRATE_KEY_BYTES],
					      GError **error);
void calibrate_master_free(struct calibrate_master *master);
/** HKDF-SHA512's expand with fscrypt's info of a key per file: two compressions. */
void calibrate_derive(struct calibrate_master *master, const uint8_t nonce[CALIBRATE_NONCE_BYTES],
		      uint8_t key[CALIBRATE_KEY_BYTES]);

/** An AES-256-XTS cipher: for one thread at a time. */
struct calibrate_cipher;
struct calibrate_cipher *calibrate_cipher_new(GError **error);
void calibrate_cipher_free(struct calibrate_cipher *cipher);
void calibrate_set_key(struct calibrate_cipher *cipher, const uint8_t key[CALIBRATE_KEY_BYTES]);
/** Encrypts, or decrypts, `blocks` of 4 KiB in place, each with its number from `first` on as IV. */
void calibrate_crypt(struct calibrate_cipher *cipher, bool encrypt, uint64_t first, uint8_t *data,
		     size_t blocks);

/* ---- filesystems on loop devices -------------------------------------------------------------- */

/** A loop device over the file, open, which is free again with its last user; its path goes to the caller. -1
 * with an error. */
int loop_device_new(int file, char **device, GError **error);
/** Makes a filesystem: `mkfs` is the command with its options, NULL-terminated. */
bool loop_device_mkfs(const char *const *mkfs, const char *device, GError **error);
/** Mounts where no path leads: the mount is gone with the descriptor, which is O_PATH. `options` are names and
 * values in turn, NULL-terminated; `attributes` MOUNT_ATTR_*. -1 with an error. */
int mount_nowhere(const char *type, const char *device, const char *const *options,
		  unsigned int attributes, GError **error);

#endif
