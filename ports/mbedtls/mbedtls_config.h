/* SPDX-License-Identifier: Apache-2.0 */
#ifndef PROA_MBEDTLS_CONFIG_H
#define PROA_MBEDTLS_CONFIG_H

/* The whole configuration of Mbed TLS 3.6 for Proa: what stands here is on, everything else is
 * off. One and the same for servers, Linux devices and boards, so that what is measured and tested
 * on one holds on the other.
 *
 * What is left out on purpose:
 * - NET_C, TIMING_C, HAVE_TIME, ENTROPY_C, FS_IO: sockets, clocks, files and randomness belong to
 *   the ports and reach Mbed TLS through callbacks.
 * - SSL_COOKIE_C: the cookies are ours (HMAC under engine time, two rotating keys).
 * - SSL_VARIABLE_BUFFER_LENGTH: 3.6.6 crashes with it when mbedtls_ssl_setup() runs out of memory
 *   (mbedtls_ssl_free() reads ssl->conf, which setup has cleared), and every handshake would copy
 *   its buffers; small fixed ones serve.
 * - SSL_DTLS_CLIENT_PORT_REUSE: a device that rebooted and starts again from the same port (RFC 6347
 *   §4.2.8) gets a context of its own beside the old one, which the box keeps until the new one is
 *   authenticated.
 * - SSL_SESSION_TICKETS, SSL_CACHE_C, RENEGOTIATION: the connection id and serialized contexts do
 *   what resumption would do, without a second handshake path to keep safe.
 * - CBC suites: not AEAD, and only AEAD sessions can be serialized.
 * - ECDHE_PSK: 3.6 has it with CBC or ChaCha20-Poly1305 only (not RFC 8442), and elliptic curves
 *   would add about half of this library's size again to each board.
 * - X.509 and the PK layer: there are no certificate accounts yet. */

/* ---- platform ---------------------------------------------------------------------------- */

#define MBEDTLS_HAVE_ASM
#define MBEDTLS_PLATFORM_C
/* Memory comes from the arena that the port sets with mbedtls_platform_set_calloc_free. */
#define MBEDTLS_PLATFORM_MEMORY
#define MBEDTLS_VERSION_C

/* ---- symmetric cryptography -------------------------------------------------------------- */

#define MBEDTLS_AES_C
#define MBEDTLS_AESNI_C
/* Tables in flash: no 8 kB of RAM filled at run time, and no mutable global. The smaller set is
 * slower only where there is no AES instruction. */
#define MBEDTLS_AES_ROM_TABLES
#define MBEDTLS_AES_FEWER_TABLES
/* Every suite below and OSCORE's default have keys of 128 bits. A context then has room for no more
 * round keys than those: 192 bytes less for each DTLS session. CTR_DRBG uses 128 bits, too. */
#define MBEDTLS_AES_ONLY_128_BIT_KEY_LENGTH
/* CCM, GCM and CTR_DRBG use the forward direction of AES only. */
#define MBEDTLS_BLOCK_CIPHER_NO_DECRYPT
#define MBEDTLS_CIPHER_C
#define MBEDTLS_CCM_C
#define MBEDTLS_GCM_C
/* CCM and GCM straight on AES instead of through CIPHER_C, which only DTLS needs: then they allocate
 * nothing, so OSCORE works without an arena. Mbed TLS sets this by itself where CIPHER_C is off. */
#define MBEDTLS_BLOCK_CIPHER_C
#define MBEDTLS_MD_C
#define MBEDTLS_SHA256_C
/* Stretches the seed that a port gives; needs no ENTROPY_C when it is seeded by a callback. */
#define MBEDTLS_CTR_DRBG_C

/* ---- DTLS 1.2 ---------------------------------------------------------------------------- */

#define MBEDTLS_SSL_TLS_C
#define MBEDTLS_SSL_CLI_C
#define MBEDTLS_SSL_SRV_C
#define MBEDTLS_SSL_PROTO_TLS1_2
#define MBEDTLS_SSL_PROTO_DTLS
#define MBEDTLS_KEY_EXCHANGE_PSK_ENABLED
#define MBEDTLS_SSL_EXTENDED_MASTER_SECRET
#define MBEDTLS_SSL_DTLS_HELLO_VERIFY
#define MBEDTLS_SSL_DTLS_ANTI_REPLAY
/* RFC 9146 with its final code points, not the draft's. */
#define MBEDTLS_SSL_DTLS_CONNECTION_ID
#define MBEDTLS_SSL_DTLS_CONNECTION_ID_COMPAT 0
#define MBEDTLS_SSL_CONTEXT_SERIALIZATION
/* A peer that can take only 512 or 1024 bytes may say so (RFC 6066 §4). */
#define MBEDTLS_SSL_MAX_FRAGMENT_LENGTH

/* Strongest first among the suites that LwM2M 1.2 names; a port may offer fewer. GCM with 256-bit
 * keys would need SHA-384. */
#define MBEDTLS_SSL_CIPHERSUITES                                               \
    MBEDTLS_TLS_PSK_WITH_AES_128_GCM_SHA256, MBEDTLS_TLS_PSK_WITH_AES_128_CCM, \
        MBEDTLS_TLS_PSK_WITH_AES_128_CCM_8

/* ---- limits ------------------------------------------------------------------------------ */

/* One record carries one datagram of at most PROA_DATAGRAM_MAX bytes: the 1280 of proa/limits.h, or
 * what a build says instead. */
#ifdef PROA_DATAGRAM_MAX
#define MBEDTLS_SSL_IN_CONTENT_LEN PROA_DATAGRAM_MAX
#define MBEDTLS_SSL_OUT_CONTENT_LEN PROA_DATAGRAM_MAX
#else
#define MBEDTLS_SSL_IN_CONTENT_LEN 1280
#define MBEDTLS_SSL_OUT_CONTENT_LEN 1280
#endif
/* Handshake messages that came early. With PSK the longest flight is below 1 kB. */
#define MBEDTLS_SSL_DTLS_MAX_BUFFERING 4096
/* Ours have 1 to 6 bytes; a peer's that we must send back may be longer. */
#define MBEDTLS_SSL_CID_IN_LEN_MAX 8
#define MBEDTLS_SSL_CID_OUT_LEN_MAX 16
/* No padding of records with CID: bytes on a radio cost more than what their length tells. */
#define MBEDTLS_SSL_CID_TLS1_3_PADDING_GRANULARITY 1
/* PROA_PSK_KEY_MAX (RFC 4279 §5.3 asks for 64). */
#define MBEDTLS_PSK_MAX_LEN 64

#endif
