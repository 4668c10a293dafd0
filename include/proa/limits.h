/* SPDX-License-Identifier: Apache-2.0 */
#ifndef PROA_LIMITS_H
#define PROA_LIMITS_H

/* Every limit that is not the caller's choice, with its reason. Engines take the sizes of their
 * pools from the caller; what stands here bounds single things: a message, a name, a nesting.
 * A build may override a limit with -D; nothing else in Proa is chosen by the preprocessor. */

/* One datagram. RFC 7252 §4.6 suggests 1152 bytes; 1280 is what every IPv6 link carries, and a
 * DTLS record with CID around a 1152-byte message still fits. */
#ifndef PROA_DATAGRAM_MAX
#define PROA_DATAGRAM_MAX 1280
#endif
#ifndef PROA_COAP_MESSAGE_MAX
#define PROA_COAP_MESSAGE_MAX 1152
#endif

/* A body put together from blocks, or rendered to be cut into blocks: one whole object instance
 * of a simulated device with long strings; a full registration of 60 objects has about 1 kB. */
#ifndef PROA_BODY_MAX
#define PROA_BODY_MAX 4096
#endif

/* Endpoint client name: LwM2M gives no maximum; a URN with an IMEI, a UUID or a MAC has < 64. */
#define PROA_ENDPOINT_MAX 64

/* A server or client URI: coaps://[8 groups%zone]:port has 62; names in practice < 100. */
#define PROA_URI_MAX 128

/* PSK identity and key: RFC 4279 §5.3 wants 128 and 64; ours are 16 random bytes; a person's
 * identity is an endpoint name or a UUID. */
#define PROA_PSK_IDENTITY_MAX 64
#define PROA_PSK_KEY_MAX 64

/* Connection ids of our own: 8 bytes are more than any server needs to steer by. */
#define PROA_DTLS_CID_MAX 8

/* OSCORE: secret and salt as object 21 may have them; servers make 16 and 8 bytes. At least as long
 * as an AES key, or it could be guessed (RFC 8613 §12.3). */
#define PROA_OSCORE_SECRET_MIN 16
#define PROA_OSCORE_SECRET_MAX 64
#define PROA_OSCORE_SALT_MAX 32

/* ID Context: 8 bytes in practice; what Appendix B.2 makes of random strings has 24. */
#define PROA_OSCORE_ID_CONTEXT_MAX 32

/* Record numbers that are reserved with one write, for sessions that outlive the process: so many
 * records need one write, and each restart leaves at most so many of 2^48 numbers unused. */
#define PROA_DTLS_RESERVE 1024
#define PROA_DTLS_RESERVE_MAX 1048576

/* A DTLS cookie works for one to two of these; a client returns it within a few round trips. */
#define PROA_DTLS_COOKIE_MS 30000

/* LwM2M string or opaque value held in a value union is borrowed, so only stored copies count. */
#ifndef PROA_STRING_MAX
#define PROA_STRING_MAX 255
#endif

/* Uri-Path has object/instance/resource/resource-instance, /rd/<id>, /ac, .well-known/core and,
 * for plain CoAP use, a few more. */
#define PROA_URI_PATH_SEGMENTS_MAX 8

/* Location-Path of a registration, as one length byte and the text per segment: "rd" and an id of
 * 10 characters (Leshan) or 36 (a UUID). */
#define PROA_LOCATION_MAX 64

/* ACL entries of one instance of object 2: as many servers as a device has in practice, and the
 * default entry. */
#define PROA_ACL_ENTRIES_MAX 5

/* Events of a client that wait to be polled; a poll loop takes them after each datagram. */
#ifndef PROA_CLIENT_EVENTS_MAX
#define PROA_CLIENT_EVENTS_MAX 16
#endif

/* CBOR nesting: SenML is array > map; /ac is map > array. 4 leaves room for a hint extension. */
#define PROA_CBOR_DEPTH_MAX 4

/* SenML name with its base: the longest LwM2M path has 24 characters; a Send of a gateway may put
 * an endpoint or a URN before it. */
#define PROA_SENML_NAME_MAX 64

/* Entries of one /ac request: 10 bytes each, so that any request fits one datagram. */
#define PROA_AC_ENTRIES_MAX 8

/* Client-to-client: peer accounts of one device. What is stored of an access control entry's list
 * (three bytes for each peer) has to fit one blob of the store. */
#define PROA_C2C_PEERS_MAX 64

/* Questions under way on one device, observations included; one bit on the stack for each. */
#define PROA_C2C_ASKS_MAX 64

/* Payload of one question to a peer, kept until it is answered because it may have to be sent
 * again over a new session: a Create of an instance with a few strings. */
#ifndef PROA_C2C_PAYLOAD_MAX
#define PROA_C2C_PAYLOAD_MAX 256
#endif

/* Pieces in which a pool may take its storage, each twice the one before: 20 reach from one thing to
 * 2^20. A device whose pools do not grow saves their pointers with 1. */
#ifndef PROA_CHUNKS_MAX
#define PROA_CHUNKS_MAX 20
#endif

/* The arena of Mbed TLS is shorter than two to the power of this. It begins with 33 bytes for each
 * power above 2^5, which a board with a small one saves. */
#ifndef PROA_DTLS_ARENA_BITS
#define PROA_DTLS_ARENA_BITS 31
#endif

/* Text of a failed assertion. A board that has nowhere to print it says 0: the return address, which
 * the board shows, or a debugger, names the place as well. */
#ifndef PROA_PANIC_TEXT
#define PROA_PANIC_TEXT 1
#endif

#endif
