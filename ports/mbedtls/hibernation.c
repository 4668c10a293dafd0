/* SPDX-License-Identifier: Apache-2.0 */
/* Sessions can hibernate: what a program links that does not say otherwise. */
#include "ports/mbedtls/dtls.h"

const proa_dtls_sleeping *const proa_dtls_hibernation = &proa_dtls_blobs;
